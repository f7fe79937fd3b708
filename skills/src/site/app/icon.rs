//! Icons made from the publication's name: its initials, white on its colour.
//!
//! Must stay true: the same name gives the same bytes; a name without letters that we can draw has an icon too; the letters of the
//! maskable one are inside the circle that every launcher shows.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster};
use png::{BitDepth, ColorType, Compression, Encoder};

use super::colour::Colour;

/// The small one also stands in tabs.
pub(super) const SMALL: &str = "icon-192.png";
/// iOS takes this one, and asks for no other.
const APPLE: (&str, u32, &str) = ("apple-touch-icon.png", 180, "any");

/// What the manifest names: file, width in pixels, purpose.
pub(super) const NAMED: [(&str, u32, &str); 3] =
    [(SMALL, 192, "any"), ("icon-512.png", 512, "any"), ("icon-maskable-512.png", 512, "maskable")];

/// How much of the width letters take.
const SHARE: f64 = 0.66;
/// The diameter of the circle that is always seen (W3C, Web Application Manifest: safe zone of a maskable icon), and a little less.
const SAFE: f64 = 0.8 * 0.92;
/// Shades between ground and ink: four bits a pixel.
const SHADES: u8 = 16;
/// Between two letters, and around them, in pixels of the font.
const GAP: usize = 3;

/// All of them: file and bytes.
pub(super) fn icons(name: &str) -> Vec<(&'static str, Vec<u8>)> {
    let drawing = Drawing::of(name);
    let ground = Colour::of(name);
    NAMED.into_iter().chain([APPLE]).map(|(file, size, purpose)| (file, png(&drawing, ground, size, purpose == "maskable"))).collect()
}

/// The initials: the first letter of the first word, and of the last.
fn initials(name: &str) -> Vec<char> {
    let drawable = |c: &char| c.is_alphanumeric() && raster(*c).is_some();
    let first = |word: &str| word.chars().flat_map(char::to_uppercase).find(drawable);
    let all: Vec<char> = name.split_whitespace().filter_map(first).collect();
    match all[..] {
        [] => vec![],
        [only] => vec![only],
        [start, .., end] => vec![start, end],
    }
}

fn raster(c: char) -> Option<RasterizedChar> {
    get_raster(c, FontWeight::Bold, RasterHeight::Size32)
}

/// How much of each pixel is ink (0 to 1), in rows of the same length, with nothing around it.
struct Drawing {
    rows: Vec<Vec<f64>>,
}

impl Drawing {
    fn of(name: &str) -> Self {
        let letters: Vec<Vec<Vec<f64>>> = initials(name).into_iter().filter_map(raster).map(columns).collect();
        let mut columns = letters.join(&vec![vec![0.0; letters.first().and_then(|l| l.first()).map_or(0, Vec::len)]; GAP][..]);
        if columns.is_empty() {
            // Lines of a letter, the last one short.
            columns = (0..17).map(|x| (0..15).map(|y| f64::from(u8::from(y % 6 < 3 && (y < 12 || x < 11)))).collect()).collect();
        }
        let height = columns.first().map_or(0, Vec::len);
        let inked = |y: &usize| columns.iter().any(|column| column[*y] > 0.0);
        let (top, bottom) = ((0..height).find(inked).unwrap_or(0), (0..height).rfind(inked).unwrap_or(0));
        Self { rows: (top..=bottom).map(|y| columns.iter().map(|column| column[y]).collect()).collect() }
    }

    fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    fn at(&self, x: i64, y: i64) -> f64 {
        let row = usize::try_from(y).ok().and_then(|y| self.rows.get(y));
        row.and_then(|row| row.get(usize::try_from(x).ok()?)).copied().unwrap_or(0.0)
    }

    /// Between pixels, whose centres are at halves: by a cubic B-spline, which has no corners where pixels meet.
    #[expect(clippy::cast_possible_truncation, reason = "icons are small")]
    fn between(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (weights(x - left), weights(y - top));
        let mut sum = 0.0;
        for (row, weight) in (-1i64..).zip(down) {
            for (column, share) in (-1i64..).zip(across) {
                sum += weight * share * self.at(left as i64 + column, top as i64 + row);
            }
        }
        sum
    }
}

/// The columns of a letter, without the empty ones beside it.
fn columns(letter: RasterizedChar) -> Vec<Vec<f64>> {
    let column = |x: usize| letter.rows().map(|row| f64::from(row[x]) / 255.0).collect::<Vec<_>>();
    let all: Vec<Vec<f64>> = (0..letter.width()).map(column).collect();
    let inked = |column: &Vec<f64>| column.iter().any(|ink| *ink > 0.0);
    let (start, end) = (all.iter().position(inked).unwrap_or(0), all.iter().rposition(inked).map_or(0, |x| x + 1));
    all[start..end].to_vec()
}

/// Of a uniform cubic B-spline, `t` from 0 to 1 between the second and the third.
fn weights(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [(1.0 - 3.0 * t + 3.0 * t2 - t3) / 6.0, (4.0 - 6.0 * t2 + 3.0 * t3) / 6.0, (1.0 + 3.0 * t + 3.0 * t2 - 3.0 * t3) / 6.0, t3 / 6.0]
}

/// The shade of every pixel, 0 to `SHADES` - 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "icons are small, shades few")]
fn shades(drawing: &Drawing, size: u32, maskable: bool) -> Vec<u8> {
    let (width, height, side) = (drawing.width() as f64, drawing.rows.len() as f64, f64::from(size));
    let scale = if maskable { side * SAFE / width.hypot(height) } else { side * SHARE / width.max(height) };
    let (left, top) = ((side - width * scale) / 2.0, (side - height * scale) / 2.0);
    let shade = |x: u32, y: u32| {
        let ink = drawing.between((f64::from(x) + 0.5 - left) / scale, (f64::from(y) + 0.5 - top) / scale);
        // The edge is where half of a pixel of the font is ink; it is one pixel of the icon wide.
        let share = ((ink - 0.5) * scale + 0.5).clamp(0.0, 1.0);
        (share * f64::from(SHADES - 1)).round() as u8
    };
    (0..size).flat_map(|y| (0..size).map(move |x| (x, y))).map(|(x, y)| shade(x, y)).collect()
}

fn png(drawing: &Drawing, ground: Colour, size: u32, maskable: bool) -> Vec<u8> {
    let palette: Vec<u8> = (0..SHADES).flat_map(|shade| ground.mixed(Colour::WHITE, f64::from(shade) / f64::from(SHADES - 1)).0).collect();
    let packed: Vec<u8> = shades(drawing, size, maskable).chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size, size);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Four);
    encoder.set_palette(palette);
    encoder.set_compression(Compression::High);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&packed)?;
        writer.finish()
    });
    // Into memory, with a size and a palette that fit: there is nothing that could fail, and then no icon.
    written.map(|()| bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a picture");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("pixels");
        assert_eq!((info.width, info.color_type), (info.height, ColorType::Rgb));
        (info.width, pixels)
    }

    #[test]
    fn initials_are_those_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("From The Inside", "FI"),
            ("reveille", "R"),
            ("  a  ", "A"),
            ("42 things", "4T"),
            ("Élan vital", "ÉV"),
            ("(The) [Letter]", "TL"),
            ("ß", "S"),
            ("日本 letter", "L"),
            ("日本", ""),
            ("", ""),
            ("— — !", ""),
        ] {
            assert_eq!(initials(name).into_iter().collect::<String>(), expected, "{name}");
        }
    }

    #[test]
    fn every_name_has_icons_that_can_be_seen() {
        for name in ["From The Inside", "W W", "i", "日本", "", "🦀"] {
            let all = icons(name);
            assert_eq!(all, icons(name), "{name}");
            let sizes: Vec<u32> = all.iter().map(|(_, bytes)| decoded(bytes).0).collect();
            assert_eq!(sizes, [192, 512, 512, 180], "{name}");
            for (file, bytes) in &all {
                let (size, pixels) = decoded(bytes);
                let ground = Colour::of(name).0;
                let is_ink = |pixel: &&[u8]| **pixel == [255; 3];
                let ink = pixels.chunks(3).filter(is_ink).count();
                let share = ink as f64 / f64::from(size * size);
                assert!((0.02..0.5).contains(&share), "{name} {file}: {share}");
                assert_eq!(pixels[..3], ground, "{name} {file}: a corner is no ground");
                assert!(bytes.len() < 16_000, "{name} {file}: {} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_on_a_maskable_icon_is_in_the_safe_circle() {
        for name in ["From The Inside", "W W", "i", "日本", "Q Q"] {
            let all = icons(name);
            let (_, bytes) = all.iter().find(|(file, _)| file.contains("maskable")).expect("one");
            let (size, pixels) = decoded(bytes);
            let (ground, side) = (Colour::of(name).0, f64::from(size));
            for (at, pixel) in (0u32..).zip(pixels.chunks(3)) {
                let (x, y) = (f64::from(at % size) + 0.5 - side / 2.0, f64::from(at / size) + 0.5 - side / 2.0);
                assert!(*pixel == ground || x.hypot(y) <= 0.4 * side, "{name}: ink at {x} {y}");
            }
        }
    }
}
