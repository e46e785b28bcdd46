//! The code on a wristband, normalised once at the edge (`domain.md`, Words).

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The most characters that a code may have.
pub const BARCODE_MAX_CHARS: usize = 64;

/// A band's code after normalising: trimmed, Unicode NFC, ASCII letters in upper case. Compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BarcodeId(String);

/// The text is no band code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a band code has 1 to 64 printable characters")]
pub struct InvalidBarcode;

impl BarcodeId {
    /// Normalises what was scanned or typed.
    ///
    /// # Errors
    /// Empty, longer than [`BARCODE_MAX_CHARS`], or with characters that can't be printed.
    pub fn parse(scanned: &str) -> Result<Self, InvalidBarcode> {
        // A megabyte is refused before work is spent on it: no character has over 18 code points of NFC.
        if scanned.len() > 64 * BARCODE_MAX_CHARS {
            return Err(InvalidBarcode);
        }
        // An upper case letter may compose with what follows where the lower case one does not (i, U+0307),
        // so it is composed again: normalising twice has to change nothing.
        let upper: String = scanned.trim().nfc().map(|c| c.to_ascii_uppercase()).collect();
        let code: String = upper.nfc().collect();
        let printable = !code.chars().any(|c| c.is_control() || is_invisible(c));
        match code.chars().count() {
            1..=BARCODE_MAX_CHARS if printable => Ok(Self(code)),
            _ => Err(InvalidBarcode),
        }
    }

    /// The normalised code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BarcodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that print nothing and so make two bands look alike: zero-width and direction marks, fillers,
/// variation selectors, line separators, the byte order mark, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scanned: &str, expect: Option<&str>) {
        let got = BarcodeId::parse(scanned).ok();
        assert_eq!(got.as_ref().map(BarcodeId::as_str), expect, "{scanned:?}");
    }

    #[test]
    fn a_code_is_normalised_once() {
        check("  b-104 ", Some("B-104"));
        check("n\u{0303}andu", Some("\u{f1}ANDU".to_owned().as_str()));
        check("https://x/y?z=1", Some("HTTPS://X/Y?Z=1"));
        check("two words", Some("TWO WORDS"));
        check(&"x".repeat(64), Some(&"X".repeat(64)));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        check("", None);
        check("   ", None);
        check("B\0", None);
        check("B\u{200b}1", None);
        check("B\n1", None);
        check("B\u{3164}", None);
        check("B\u{fe0f}", None);
        check(&"x".repeat(65), None);
        check(&"x".repeat(1 << 20), None);
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for scanned in [" ñ-7b ", "n\u{303}", "i\u{307}x", "\u{130}X", "ﬁ", "Å"] {
            let once = BarcodeId::parse(scanned).expect("a code");
            assert_eq!(BarcodeId::parse(once.as_str()), Ok(once), "{scanned}");
        }
        assert_eq!(BarcodeId::parse("n\u{303}"), BarcodeId::parse("ñ"), "one character, however it was written");
    }
}
