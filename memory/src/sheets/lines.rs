//! The lines of a sheet as bytes: for each candidate its row and its line in PROGRESS.md. Neighbours differ by little, so
//! each number is the difference to the one before, in as many bytes as it needs (LEB128, zigzag): two bytes a candidate
//! instead of a row of some twenty.

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// The row in `candidates`.
    pub(super) candidate: i64,
    /// The line in PROGRESS.md.
    pub(super) line: Option<u32>,
}

/// As bytes.
pub(super) fn pack(lines: &[Line]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() * 4);
    let (mut candidate, mut line) = (0_i64, 0_i64);
    for one in lines {
        number(&mut out, zigzag(one.candidate.wrapping_sub(candidate)));
        candidate = one.candidate;
        match one.line {
            None => number(&mut out, 0),
            Some(at) => {
                number(&mut out, 1 + zigzag(i64::from(at) - line));
                line = i64::from(at);
            }
        }
    }
    out
}

/// Back from bytes; `None` when they are no lines.
pub(super) fn unpack(mut bytes: &[u8]) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    let (mut candidate, mut line) = (0_i64, 0_i64);
    while !bytes.is_empty() {
        candidate = candidate.wrapping_add(unzigzag(take(&mut bytes)?));
        let at = match take(&mut bytes)?.checked_sub(1) {
            None => None,
            Some(step) => {
                line = line.checked_add(unzigzag(step))?;
                Some(u32::try_from(line).ok()?)
            }
        };
        lines.push(Line { candidate, line: at });
    }
    Some(lines)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        value |= part << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_line_takes_two_bytes() {
        let lines: Vec<Line> = (1..=500).map(|n| Line { candidate: 9_000 + i64::from(n), line: Some(n * 2) }).collect();
        assert_eq!(pack(&lines).len(), 2 * 500 + 2);
    }

    #[test]
    fn what_is_cut_off_is_no_sheet() {
        let packed = pack(&[Line { candidate: 700, line: Some(900) }]);
        assert!((1..packed.len()).all(|end| unpack(&packed[..end]).is_none()));
        assert!(unpack(&[0xff; 11]).is_none());
    }

    proptest! {
        #[test]
        fn lines_come_back(lines in prop::collection::vec((any::<i64>(), any::<Option<u32>>()), 0..40)) {
            let lines: Vec<Line> = lines.into_iter().map(|(candidate, line)| Line { candidate, line }).collect();
            prop_assert_eq!(unpack(&pack(&lines)), Some(lines));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unpack(&bytes);
        }
    }
}
