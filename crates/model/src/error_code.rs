//! The codes that errors carry on the wire (distribution-spec, "Error Codes").

use std::fmt;

/// An error code of the distribution specification, or one that another registry invented.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ErrorCode {
    /// `BLOB_UNKNOWN`: the repository has no such blob.
    BlobUnknown,
    /// `BLOB_UPLOAD_INVALID`: the upload cannot go on like this.
    BlobUploadInvalid,
    /// `BLOB_UPLOAD_UNKNOWN`: there is no such upload session.
    BlobUploadUnknown,
    /// `DIGEST_INVALID`: malformed, or not the digest of the content.
    DigestInvalid,
    /// `MANIFEST_BLOB_UNKNOWN`: a manifest names content that the repository lacks.
    ManifestBlobUnknown,
    /// `MANIFEST_INVALID`: the document cannot be taken as a manifest.
    ManifestInvalid,
    /// `MANIFEST_UNKNOWN`: the repository has no such manifest.
    ManifestUnknown,
    /// `NAME_INVALID`: malformed repository name.
    NameInvalid,
    /// `NAME_UNKNOWN`: there is no such repository.
    NameUnknown,
    /// `SIZE_INVALID`: a length is wrong or over a limit.
    SizeInvalid,
    /// `UNAUTHORIZED`: credentials are needed.
    Unauthorized,
    /// `DENIED`: understood, and refused.
    Denied,
    /// `UNSUPPORTED`: not offered here.
    Unsupported,
    /// `TOOMANYREQUESTS`: over a limit of rate or number.
    TooManyRequests,
    /// Any other code, verbatim.
    Other(Box<str>),
}

impl ErrorCode {
    /// The code as it stands in an error body.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        const KNOWN: [ErrorCode; 14] = [
            ErrorCode::BlobUnknown,
            ErrorCode::BlobUploadInvalid,
            ErrorCode::BlobUploadUnknown,
            ErrorCode::DigestInvalid,
            ErrorCode::ManifestBlobUnknown,
            ErrorCode::ManifestInvalid,
            ErrorCode::ManifestUnknown,
            ErrorCode::NameInvalid,
            ErrorCode::NameUnknown,
            ErrorCode::SizeInvalid,
            ErrorCode::Unauthorized,
            ErrorCode::Denied,
            ErrorCode::Unsupported,
            ErrorCode::TooManyRequests,
        ];
        KNOWN
            .into_iter()
            .find(|code| code.as_str() == text)
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_foreign_codes_keep_their_text() {
        assert_eq!(ErrorCode::from("DENIED"), ErrorCode::Denied);
        assert_eq!(
            ErrorCode::from("TOOMANYREQUESTS"),
            ErrorCode::TooManyRequests
        );
        assert_eq!(ErrorCode::from("TAG_INVALID").as_str(), "TAG_INVALID");
    }
}
