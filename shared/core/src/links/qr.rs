//! A QR code (ISO/IEC 18004) of bytes at error correction level L, which is enough for a screen: the smallest
//! version that fits, and the mask with the fewest penalties.

/// Dark modules of a square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    size: usize,
    dark: Vec<bool>,
    /// Set by the pattern itself, so that no mask touches it.
    fixed: Vec<bool>,
}

/// Error correction bytes of each block and number of blocks, by version from 1, at level L.
const CORRECTION: [usize; 40] = [
    7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28,
    30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
];
const BLOCKS: [usize; 40] = [
    1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17,
    18, 19, 19, 20, 21, 22, 24, 25,
];
/// Bits of level L in the format information.
const LEVEL_BITS: u32 = 1;

impl Code {
    /// `None` where it does not fit the largest version.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let version = (1..=40).find(|version| {
            let bits = 4 + count_bits(*version) + 8 * bytes.len();
            bits <= 8 * data_bytes(*version)
        })?;
        let words = interleaved(version, &data_words(version, bytes));
        let mut code = Self::blank(version);
        code.draw_words(&words);
        let masked = (0..8).map(|mask| {
            let mut masked = code.clone();
            masked.apply(mask);
            masked.draw_format(mask);
            masked
        });
        masked.min_by_key(Self::penalty)
    }

    /// Modules of a side, without the quiet margin.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.size + x]
    }

    /// Each run of dark modules in a row as a rectangle one module high.
    pub fn svg_path(&self) -> String {
        let mut path = String::new();
        for y in 0..self.size {
            let mut x = 0;
            while x < self.size {
                let from = x;
                while x < self.size && self.is_dark(x, y) {
                    x += 1;
                }
                if x > from {
                    path += &format!("M{from} {y}h{}v1h-{}z", x - from, x - from);
                }
                x += 1;
            }
        }
        path
    }

    /// With everything but data and format drawn.
    fn blank(version: usize) -> Self {
        let size = 4 * version + 17;
        let mut code = Self { size, dark: vec![false; size * size], fixed: vec![false; size * size] };
        for at in 0..size {
            code.fix(6, at, at.is_multiple_of(2));
            code.fix(at, 6, at.is_multiple_of(2));
        }
        for (x, y) in [(3, 3), (size - 4, 3), (3, size - 4)] {
            code.finder(x, y);
        }
        let places = alignment_places(version);
        let last = places.len().saturating_sub(1);
        for (row, y) in places.iter().enumerate() {
            for (column, x) in places.iter().enumerate() {
                let is_corner = [(0, 0), (0, last), (last, 0)].contains(&(row, column));
                if !is_corner {
                    code.alignment(*x, *y);
                }
            }
        }
        code.draw_format(0);
        code.draw_version(version);
        code
    }

    fn fix(&mut self, x: usize, y: usize, dark: bool) {
        let at = y * self.size + x;
        self.dark[at] = dark;
        self.fixed[at] = true;
    }

    fn finder(&mut self, x: usize, y: usize) {
        for down in 0..9 {
            for right in 0..9 {
                let (px, py) = ((x + right).wrapping_sub(4), (y + down).wrapping_sub(4));
                if px < self.size && py < self.size {
                    let ring = right.abs_diff(4).max(down.abs_diff(4));
                    self.fix(px, py, ring != 2 && ring != 4);
                }
            }
        }
    }

    fn alignment(&mut self, x: usize, y: usize) {
        for down in 0..5 {
            for right in 0..5usize {
                let ring = right.abs_diff(2).max(usize::abs_diff(down, 2));
                self.fix(x + right - 2, y + down - 2, ring != 1);
            }
        }
    }

    fn draw_format(&mut self, mask: u32) {
        let data = LEVEL_BITS << 3 | mask;
        let mut rest = data;
        for _ in 0..10 {
            rest = (rest << 1) ^ ((rest >> 9) * 0x537);
        }
        let bits = (data << 10 | rest) ^ 0x5412;
        let bit = |at: usize| bits >> at & 1 == 1;
        let last = self.size - 1;
        for at in 0..6 {
            self.fix(8, at, bit(at));
        }
        self.fix(8, 7, bit(6));
        self.fix(8, 8, bit(7));
        self.fix(7, 8, bit(8));
        for at in 9..15 {
            self.fix(14 - at, 8, bit(at));
        }
        for at in 0..8 {
            self.fix(last - at, 8, bit(at));
        }
        for at in 8..15 {
            self.fix(8, self.size + at - 15, bit(at));
        }
        self.fix(8, last - 7, true);
    }

    fn draw_version(&mut self, version: usize) {
        if version < 7 {
            return;
        }
        let mut rest = version as u32;
        for _ in 0..12 {
            rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
        }
        let bits = (version as u32) << 12 | rest;
        for at in 0..18 {
            let dark = bits >> at & 1 == 1;
            let (a, b) = (self.size - 11 + at % 3, at / 3);
            self.fix(a, b, dark);
            self.fix(b, a, dark);
        }
    }

    /// In columns of two from the right, up and down in turn.
    fn draw_words(&mut self, words: &[u8]) {
        let mut bits = words.iter().flat_map(|word| (0..8).rev().map(move |at| word >> at & 1 == 1));
        let mut right = self.size - 1;
        loop {
            if right == 6 {
                right = 5;
            }
            for step in 0..self.size {
                let upward = (right + 1) & 2 == 0;
                let y = if upward { self.size - 1 - step } else { step };
                for x in [right, right - 1] {
                    let at = y * self.size + x;
                    if !self.fixed[at] {
                        self.dark[at] = bits.next().unwrap_or(false);
                    }
                }
            }
            if right < 2 {
                break;
            }
            right -= 2;
        }
    }

    fn apply(&mut self, mask: u32) {
        for y in 0..self.size {
            for x in 0..self.size {
                let sum = match mask {
                    0 => x + y,
                    1 => y,
                    2 => x % 3,
                    3 => (x + y) % 3,
                    4 => x / 3 + y / 2,
                    5 | 6 => x * y % 2 + x * y % 3,
                    _ => (x + y) % 2 + x * y % 3,
                };
                let flips = if matches!(mask, 2 | 3 | 5) { sum == 0 } else { sum.is_multiple_of(2) };
                let at = y * self.size + x;
                self.dark[at] ^= flips && !self.fixed[at];
            }
        }
    }

    /// Long runs, squares of one colour, look-alikes of finders, and an uneven share of dark.
    fn penalty(&self) -> usize {
        let size = self.size;
        let mut penalty = 0;
        let line = |cells: &mut dyn Iterator<Item = bool>| {
            let cells: Vec<bool> = cells.collect();
            let runs: usize =
                cells.chunk_by(|a, b| a == b).map(|run| if run.len() >= 5 { run.len() - 2 } else { 0 }).sum();
            const LIKE: [[bool; 11]; 2] = [
                [true, false, true, true, true, false, true, false, false, false, false],
                [false, false, false, false, true, false, true, true, true, false, true],
            ];
            runs + 40
                * cells.windows(11).filter(|part| LIKE.iter().any(|like| like.as_slice() == *part)).count()
        };
        for at in 0..size {
            penalty += line(&mut (0..size).map(|x| self.is_dark(x, at)));
            penalty += line(&mut (0..size).map(|y| self.is_dark(at, y)));
        }
        for y in 1..size {
            for x in 1..size {
                let colour = self.is_dark(x, y);
                let square = [(x - 1, y), (x, y - 1), (x - 1, y - 1)];
                penalty += 3 * usize::from(square.iter().all(|(x, y)| self.is_dark(*x, *y) == colour));
            }
        }
        let dark = self.dark.iter().filter(|dark| **dark).count();
        penalty + 10 * ((20 * dark).abs_diff(10 * size * size) / (size * size))
    }
}

fn count_bits(version: usize) -> usize {
    if version < 10 { 8 } else { 16 }
}

/// Bytes of all blocks, data and correction.
fn all_bytes(version: usize) -> usize {
    let mut bits = (16 * version + 128) * version + 64;
    if version >= 2 {
        let alignments = version / 7 + 2;
        bits -= (25 * alignments - 10) * alignments - 55;
        if version >= 7 {
            bits -= 36;
        }
    }
    bits / 8
}

fn data_bytes(version: usize) -> usize {
    all_bytes(version) - CORRECTION[version - 1] * BLOCKS[version - 1]
}

fn alignment_places(version: usize) -> Vec<usize> {
    if version == 1 {
        return Vec::new();
    }
    let count = version / 7 + 2;
    let step = (version * 8 + count * 3 + 5) / (count * 4 - 4) * 2;
    let mut places: Vec<usize> = (0..count - 1).map(|at| version * 4 + 10 - at * step).collect();
    places.push(6);
    places.reverse();
    places
}

/// Byte mode, its length, the bytes, the end mark and the padding.
fn data_words(version: usize, bytes: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: usize, count: usize| bits.extend((0..count).rev().map(|at| value >> at & 1 == 1));
    push(0b0100, 4);
    push(bytes.len(), count_bits(version));
    for byte in bytes {
        push(usize::from(*byte), 8);
    }
    let most = 8 * data_bytes(version);
    bits.resize((bits.len() + 4).min(most), false);
    bits.resize(bits.len().next_multiple_of(8), false);
    let mut words: Vec<u8> =
        bits.chunks(8).map(|eight| eight.iter().fold(0, |word, bit| word << 1 | u8::from(*bit))).collect();
    let missing = most / 8 - words.len();
    words.extend([0xec, 0x11].into_iter().cycle().take(missing));
    words
}

/// Blocks with their Reed-Solomon bytes, dealt out in turn.
fn interleaved(version: usize, data: &[u8]) -> Vec<u8> {
    let (blocks, correction) = (BLOCKS[version - 1], CORRECTION[version - 1]);
    let short = data.len() / blocks;
    let long_blocks = data.len() % blocks;
    let generator = generator(correction);
    let mut parts: Vec<(&[u8], Vec<u8>)> = Vec::with_capacity(blocks);
    let mut rest = data;
    for block in 0..blocks {
        let (own, after) = rest.split_at(short + usize::from(block >= blocks - long_blocks));
        rest = after;
        parts.push((own, remainder(own, &generator)));
    }
    let mut words = Vec::with_capacity(all_bytes(version));
    for at in 0..=short {
        words.extend(parts.iter().filter_map(|(own, _)| own.get(at)));
    }
    for at in 0..correction {
        words.extend(parts.iter().map(|(_, sum)| sum[at]));
    }
    words
}

/// Product in the field of 256 elements with the polynomial 0x11d.
fn times(a: u8, b: u8) -> u8 {
    (0..8).rev().fold(0u8, |product, at| {
        let doubled = (product << 1) ^ ((product >> 7) * 0x1d);
        doubled ^ (((b >> at) & 1) * a)
    })
}

/// Coefficients below the leading one, highest first.
fn generator(degree: usize) -> Vec<u8> {
    let mut coefficients = vec![0; degree];
    coefficients[degree - 1] = 1;
    let mut root = 1;
    for _ in 0..degree {
        for at in 0..degree {
            coefficients[at] = times(coefficients[at], root);
            if at + 1 < degree {
                coefficients[at] ^= coefficients[at + 1];
            }
        }
        root = times(root, 2);
    }
    coefficients
}

fn remainder(data: &[u8], generator: &[u8]) -> Vec<u8> {
    let mut rest = vec![0; generator.len()];
    for byte in data {
        let factor = byte ^ rest.remove(0);
        rest.push(0);
        for (place, coefficient) in rest.iter_mut().zip(generator) {
            *place ^= times(*coefficient, factor);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_standard() {
        assert_eq!((data_bytes(1), data_bytes(10), data_bytes(40)), (19, 274, 2956));
        assert_eq!(alignment_places(7), [6, 22, 38]);
        assert_eq!(alignment_places(32), [6, 34, 60, 86, 112, 138]);
        assert_eq!(Code::of(&[b'a'; 2953]).map(|code| code.size()), Some(177));
        assert_eq!(Code::of(&[b'a'; 2954]), None);
    }

    #[test]
    fn correction_bytes_are_those_of_the_standard() {
        // The worked example of the standard's annex: version 1-M, "01234567".
        let data =
            [0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11];
        assert_eq!(
            remainder(&data, &generator(10)),
            [0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]
        );
    }
}
