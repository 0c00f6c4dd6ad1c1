//! The little of RESP2 that a load generator needs: requests made from a template, and counting the replies.
//! It must not know what any command means.

use std::io;

/// Stands for twelve decimal digits, chosen anew for every request (the word is redis-benchmark's).
pub const NUMBER_PLACE: &str = "__rand_int__";

const NUMBER_DIGITS: usize = NUMBER_PLACE.len();

/// One command, encoded once, with the places where numbers go.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// Encodes `args`; each [`NUMBER_PLACE`] in them becomes a place.
    pub fn new(args: &[&str]) -> Template {
        let mut text = format!("*{}\r\n", args.len());
        for arg in args {
            text.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
        }
        let places = text.match_indices(NUMBER_PLACE).map(|(offset, _)| offset).collect();
        Template { bytes: text.into_bytes(), places }
    }

    /// Appends one request to `out`; `number` is asked for each place in turn.
    pub fn write(&self, out: &mut Vec<u8>, mut number: impl FnMut() -> u64) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for place in &self.places {
            let mut rest = number();
            for digit in out[start + place..][..NUMBER_DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }
}

/// Counts complete replies in a stream of bytes, wherever the stream is cut. One per connection.
#[derive(Default, Debug)]
pub struct ReplyScanner {
    /// The header line of which the end has not come yet.
    line: Vec<u8>,
    /// Bytes of a bulk string, its CR LF included, that are still to come.
    skip: usize,
    /// Elements that the current reply still lacks; 0 between replies.
    elements: u64,
    /// The first error reply seen.
    first_error: Option<String>,
}

impl ReplyScanner {
    /// Takes the next bytes; returns the number of replies that they complete.
    ///
    /// # Errors
    /// `InvalidData` for bytes that are not RESP2.
    pub fn feed(&mut self, mut bytes: &[u8]) -> io::Result<u64> {
        let mut complete = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let taken = self.skip.min(bytes.len());
                self.skip -= taken;
                bytes = &bytes[taken..];
                if self.skip == 0 {
                    complete += self.element_ends();
                }
                continue;
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                break;
            };
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            complete += self.header()?;
        }
        Ok(complete)
    }

    /// The text of the first error reply so far.
    pub fn first_error(&self) -> Option<&str> {
        self.first_error.as_deref()
    }

    fn header(&mut self) -> io::Result<u64> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(&line)).map_err(|_| not_resp())?;
        let (kind, rest) = (text.as_bytes().first().copied(), text.get(1..).unwrap_or(""));
        let complete = match kind {
            Some(b'+' | b':') => self.element_ends(),
            Some(b'-') => {
                self.first_error.get_or_insert_with(|| rest.to_owned());
                self.element_ends()
            }
            Some(b'$') => match rest.parse::<i64>().map_err(|_| not_resp())? {
                len @ 0.. => {
                    self.skip = len as usize + 2;
                    0
                }
                _ => self.element_ends(),
            },
            Some(b'*') => {
                let count = rest.parse::<i64>().map_err(|_| not_resp())?.max(0) as u64;
                self.elements = self.elements.max(1) + count;
                self.element_ends()
            }
            _ => return Err(not_resp()),
        };
        self.line = line;
        self.line.clear();
        Ok(complete)
    }

    fn element_ends(&mut self) -> u64 {
        self.elements = self.elements.saturating_sub(1);
        u64::from(self.elements == 0)
    }
}

fn not_resp() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server's reply is not RESP2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_fills_every_place_with_twelve_digits() {
        let template = Template::new(&["SET", "key:__rand_int__", "__rand_int__"]);
        let mut out = b"before".to_vec();
        let mut number = 41;
        template.write(&mut out, || {
            number += 1;
            number
        });
        let expected = "before*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$12\r\n000000000043\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    const STREAM: &[u8] =
        b"+OK\r\n$2\r\n\r\n\r\n$-1\r\n*3\r\n:1\r\n*1\r\n$0\r\n\r\n*0\r\n*-1\r\n-ERR no\r\n$1\r\n*\r\n";

    #[test]
    fn replies_are_counted_whole_and_cut_at_every_byte() {
        let mut whole = ReplyScanner::default();
        assert_eq!(whole.feed(STREAM).unwrap(), 7);
        assert_eq!(whole.first_error(), Some("ERR no"));
        let mut cut = ReplyScanner::default();
        let complete: u64 = STREAM.chunks(1).map(|byte| cut.feed(byte).unwrap()).sum();
        assert_eq!(complete, 7);
    }

    #[test]
    fn a_reply_counts_only_when_its_last_byte_is_there() {
        let mut scanner = ReplyScanner::default();
        assert_eq!(scanner.feed(b"*2\r\n$3\r\nabc\r\n").unwrap(), 0);
        assert_eq!(scanner.feed(b"$3\r\nabc\r").unwrap(), 0);
        assert_eq!(scanner.feed(b"\n").unwrap(), 1);
    }

    #[test]
    fn other_bytes_are_an_error() {
        assert!(ReplyScanner::default().feed(b"HTTP/1.1 200 OK\r\n").is_err());
    }
}
