//! What has to be known about a conversion before it is carried out.

use std::fmt;

use serde::Serialize;

use crate::Digest;

/// Something that does not come through a conversion as one might think. Its JSON has stable names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Remark {
    /// The document that it is about, by its digest before the conversion.
    pub document: Digest,
    /// Where in it, as a JSON pointer.
    pub pointer: String,
    /// What becomes of it.
    pub effect: Effect,
    /// The same in a sentence.
    pub message: String,
}

/// What becomes of a part that cannot be converted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is taken out, since the other format has no place for it.
    Lost,
    /// A child of an index is left out.
    Dropped,
    /// It stays as it is, in its own format.
    Left,
    /// The other format wants something that nobody knows.
    Incomplete,
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lost => "lost",
            Self::Dropped => "dropped",
            Self::Left => "left",
            Self::Incomplete => "incomplete",
        })
    }
}

/// The remarks about one document, in the making.
pub(super) struct Remarks<'a> {
    document: &'a Digest,
    all: &'a mut Vec<Remark>,
}

impl<'a> Remarks<'a> {
    pub(super) fn about(document: &'a Digest, all: &'a mut Vec<Remark>) -> Self {
        Self { document, all }
    }

    pub(super) fn add(
        &mut self,
        effect: Effect,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (pointer, message) = (pointer.into(), message.into());
        self.all.push(Remark {
            document: self.document.clone(),
            pointer,
            effect,
            message,
        });
    }
}
