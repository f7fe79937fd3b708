//! Colours: of the icon, made from a name; of the page, read from its stylesheet.
//!
//! Must stay true: white on the colour of a name has the contrast of WCAG 2.1 AA and more.

use std::fmt;

use sha2::{Digest, Sha256};

/// Contrast of white on an icon. AA asks for 4.5; small icons need some more.
const CONTRAST: f64 = 5.5;
/// Saturation and the lightness to begin with (0 to 1): a calm colour that is not grey.
const SATURATION: f64 = 0.45;
const LIGHTNESS: f64 = 0.42;
const STEP: f64 = 0.02;

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) [u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Colour([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    pub(super) const WHITE: Self = Self([255; 3]);
    pub(super) const BLACK: Self = Self([0; 3]);

    /// Reads `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// The colour of a name: its hue is chance, by the digest; it is as dark as white letters need.
    pub(super) fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let hue = f64::from(u16::from_be_bytes([digest[0], digest[1]]) % 360);
        let mut lightness = LIGHTNESS;
        loop {
            let colour = Self::from_hsl(hue, SATURATION, lightness);
            if colour.contrast(Self::WHITE) >= CONTRAST {
                return colour;
            }
            lightness -= STEP;
        }
    }

    /// CSS Color 4, section 7.1: hue in degrees, the others from 0 to 1.
    fn from_hsl(hue: f64, saturation: f64, lightness: f64) -> Self {
        let part = |n: f64| {
            let k = (n + hue / 30.0) % 12.0;
            let a = saturation * lightness.min(1.0 - lightness);
            byte((lightness - a * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)) * 255.0)
        };
        Self([part(0.0), part(8.0), part(4.0)])
    }

    /// Between this (0) and another (1).
    pub(super) fn mixed(self, other: Self, share: f64) -> Self {
        let part = |at: usize| byte(f64::from(self.0[at]) * (1.0 - share) + f64::from(other.0[at]) * share);
        Self([part(0), part(1), part(2)])
    }

    /// Relative luminance, WCAG 2.1.
    fn luminance(self) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(part);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast ratio of WCAG 2.1: 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 255 by then")]
fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_what_css_says() {
        assert_eq!(Colour::from_hsl(0.0, 1.0, 0.5).to_string(), "#ff0000");
        assert_eq!(Colour::from_hsl(120.0, 1.0, 0.25).to_string(), "#008000");
        assert_eq!(Colour::from_hsl(210.0, 0.5, 0.4).to_string(), "#336699");
        assert_eq!(Colour::parse("#336699"), Some(Colour([0x33, 0x66, 0x99])));
        for wrong in ["336699", "#36", "#33669g", "#éééé", ""] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn white_can_be_read_on_the_colour_of_any_name() {
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 0.01);
        let colours: std::collections::BTreeSet<String> = (0..2000)
            .map(|number| {
                let colour = Colour::of(&format!("Letter {number}"));
                assert!(colour.contrast(Colour::WHITE) >= 4.5, "{colour}");
                colour.to_string()
            })
            .collect();
        assert!(colours.len() > 200, "only {} colours", colours.len());
    }
}
