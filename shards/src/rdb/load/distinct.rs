//! Whether the elements of a foreign listpack are different.

use crate::encoding::listpack::{Listpack, Value};

/// So few texts are compared each with each.
const PAIRWISE_MAX: usize = 8;

/// Whether the first of every `step` elements are different texts. Takes 24 bytes of memory for each text if
/// they are more than [`PAIRWISE_MAX`].
pub(super) fn are_distinct(list: Listpack<'_>, step: usize) -> bool {
    let texts = list.iter().step_by(step).map(spelled);
    if list.len() <= PAIRWISE_MAX * step {
        let mut seen = [Spelled::Int(0); PAIRWISE_MAX];
        for (at, text) in texts.enumerate() {
            if seen[..at].contains(&text) {
                return false;
            }
            seen[at] = text;
        }
        return true;
    }
    let mut sorted: Vec<_> = texts.collect();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// A text in a form that equal texts share: a foreign listpack may spell an integer as a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spelled<'a> {
    Int(i64),
    Str(&'a [u8]),
}

fn spelled(value: Value<'_>) -> Spelled<'_> {
    let value = if let Value::Str(text) = value { Value::of(text) } else { value };
    match value {
        Value::Int(int) => Spelled::Int(int),
        Value::Str(text) => Spelled::Str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::listpack;

    fn distinct(texts: &[&str], step: usize) -> bool {
        let mut bytes = listpack::EMPTY.to_vec();
        texts.iter().for_each(|text| listpack::append(&mut bytes, &[Value::Str(text.as_bytes())]));
        are_distinct(Listpack::new(&bytes), step)
    }

    #[test]
    fn equal_texts_are_found_however_many_and_however_stored() {
        assert!(distinct(&[], 1));
        assert!(distinct(&["1", "01", "a", ""], 1));
        assert!(!distinct(&["1", "01", "a", "1"], 1));
        assert!(distinct(&["f", "v", "g", "v"], 2));
        assert!(!distinct(&["f", "v", "f", "w"], 2));
        let mut many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        assert!(distinct(&many.iter().map(String::as_str).collect::<Vec<_>>(), 1));
        many[7] = "39".to_owned();
        assert!(!distinct(&many.iter().map(String::as_str).collect::<Vec<_>>(), 1));

        // 7 as an integer and as a string.
        let bytes = b"\x0c\0\0\0\x02\0\x07\x01\x817\x02\xff";
        assert_eq!(listpack::validate(bytes), Ok(2));
        assert!(!are_distinct(Listpack::new(bytes), 1));
    }
}
