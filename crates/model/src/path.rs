//! Paths to values in a JSON document. They are rendered as text only if a
//! [`Finding`](crate::Finding) needs them.

/// Maximum length of a JSON pointer in bytes.
///
/// Without a limit, the pointers could be much larger than the document: a key may be very long,
/// and every value below the key repeats it in its pointer.
const MAX_POINTER: usize = 1024;

/// Path from the root of a document to a value.
#[derive(Clone, Copy)]
pub(crate) enum JsonPath<'a> {
    Root,
    Member(&'a JsonPath<'a>, &'a str),
    Item(&'a JsonPath<'a>, usize),
}

impl JsonPath<'_> {
    /// Returns the path as a JSON pointer (RFC 6901). A pointer that exceeds [`MAX_POINTER`] is
    /// truncated and ends with `…`.
    pub(crate) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut path = self;
        loop {
            path = match path {
                JsonPath::Root => break,
                JsonPath::Member(parent, key) => {
                    steps.push(PathStep::Key(key));
                    parent
                }
                JsonPath::Item(parent, position) => {
                    steps.push(PathStep::Position(*position));
                    parent
                }
            };
        }
        let mut pointer = String::new();
        for step in steps.iter().rev() {
            if !step.append_to(&mut pointer) {
                pointer.push('…');
                break;
            }
        }
        pointer
    }
}

enum PathStep<'a> {
    Key(&'a str),
    Position(usize),
}

impl PathStep<'_> {
    /// Appends the step to `pointer`. Returns `false` if the pointer would exceed the maximum
    /// length.
    fn append_to(&self, pointer: &mut String) -> bool {
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
    fn escapes_keys() {
        let layers = JsonPath::Member(&JsonPath::Root, "layers");
        let third = JsonPath::Item(&layers, 2);
        assert_eq!(
            JsonPath::Member(&third, "b/c~d").pointer(),
            "/layers/2/b~1c~0d"
        );
        assert_eq!(JsonPath::Root.pointer(), "");
    }

    #[test]
    fn truncates_long_pointers() {
        let long = "x".repeat(MAX_POINTER + 1);
        let first = JsonPath::Member(&JsonPath::Root, "a");
        let second = JsonPath::Member(&first, &long);
        assert_eq!(JsonPath::Item(&second, 3).pointer(), "/a…");
    }
}
