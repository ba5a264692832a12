//! Places in a document, which become text only where something is to be said about them.

/// Longest pointer that is written out, in bytes: a key may be as long as the document allows, and
/// everything below it would repeat it.
const MAX_POINTER: usize = 1024;

/// The way from the root of a document to a value.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The way as a JSON pointer (RFC 6901), cut off with `…` where it would be very long.
    pub(crate) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut path = self;
        loop {
            path = match path {
                Path::Root => break,
                Path::Member(parent, key) => {
                    steps.push(Step::Key(key));
                    parent
                }
                Path::Item(parent, position) => {
                    steps.push(Step::Position(*position));
                    parent
                }
            };
        }
        let mut pointer = String::new();
        for step in steps.iter().rev() {
            if !step.write(&mut pointer) {
                pointer.push('…');
                break;
            }
        }
        pointer
    }
}

enum Step<'a> {
    Key(&'a str),
    Position(usize),
}

impl Step<'_> {
    /// Answers whether there was room for it.
    fn write(&self, pointer: &mut String) -> bool {
        let text = match self {
            Self::Key(key) if key.len() > MAX_POINTER => return false,
            Self::Key(key) => key.replace('~', "~0").replace('/', "~1"),
            Self::Position(position) => position.to_string(),
        };
        let fits = pointer.len() + text.len() < MAX_POINTER;
        if fits {
            pointer.push('/');
            pointer.push_str(&text);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped() {
        let layers = Path::Member(&Path::Root, "layers");
        let third = Path::Item(&layers, 2);
        assert_eq!(Path::Member(&third, "b/c~d").pointer(), "/layers/2/b~1c~0d");
        assert_eq!(Path::Root.pointer(), "");
    }

    #[test]
    fn long_ones_are_cut_off() {
        let long = "x".repeat(MAX_POINTER + 1);
        let first = Path::Member(&Path::Root, "a");
        let second = Path::Member(&first, &long);
        assert_eq!(Path::Item(&second, 3).pointer(), "/a…");
    }
}
