//! The state hash: whether two copies of the sync set are the same (`sync.md` rule 5).

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::rows::Row;

/// Σ mod 2²⁵⁶ of SHA-256(collection ‖ 0 ‖ id ‖ 0 ‖ canonical JSON of the row). A sum, so that one changed
/// row costs two digests and the order of rows does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash {
    /// Little-endian limbs.
    limbs: [u64; 4],
}

/// The row's text is no JSON that can be brought into canonical form.
#[derive(Debug, Error)]
#[error("a row is no canonical JSON: {0}")]
pub struct NotCanonical(#[from] serde_json::Error);

/// The text is not 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a state hash has 64 hex digits")]
pub struct InvalidHash;

impl StateHash {
    /// Counts a row in. `json` is its text, in any order of keys.
    ///
    /// # Errors
    /// `json` is no JSON.
    pub fn add(&mut self, collection: &str, id: &str, json: &str) -> Result<(), NotCanonical> {
        let digest = row_digest(collection, id, json)?;
        let mut carry = false;
        for (limb, part) in self.limbs.iter_mut().zip(digest) {
            let (sum, over) = limb.overflowing_add(part);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || over_again;
        }
        Ok(())
    }

    /// Takes a row out that was counted in.
    ///
    /// # Errors
    /// `json` is no JSON.
    pub fn remove(&mut self, collection: &str, id: &str, json: &str) -> Result<(), NotCanonical> {
        let digest = row_digest(collection, id, json)?;
        let mut borrow = false;
        for (limb, part) in self.limbs.iter_mut().zip(digest) {
            let (rest, under) = limb.overflowing_sub(part);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = under || under_again;
        }
        Ok(())
    }

    /// The hash of all `rows`.
    ///
    /// # Errors
    /// A row can't be written as JSON.
    pub fn of_rows(rows: impl IntoIterator<Item = Row>) -> Result<Self, NotCanonical> {
        let mut hash = Self::default();
        for row in rows {
            hash.add(row.collection().name(), row.id(), &serde_json::to_string(&row)?)?;
        }
        Ok(hash)
    }

    /// 64 lower-case hex digits, most significant first.
    pub fn to_hex(&self) -> String {
        self.limbs.iter().rev().map(|limb| format!("{limb:016x}")).collect()
    }

    /// Reads [`Self::to_hex`].
    ///
    /// # Errors
    /// Not 64 hex digits.
    pub fn from_hex(text: &str) -> Result<Self, InvalidHash> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidHash);
        }
        let mut hash = Self::default();
        for (index, limb) in hash.limbs.iter_mut().rev().enumerate() {
            *limb = u64::from_str_radix(&text[index * 16..index * 16 + 16], 16).map_err(|_| InvalidHash)?;
        }
        Ok(hash)
    }
}

/// `json` in the canonical form of RFC 8785.
///
/// # Errors
/// `json` is no JSON.
pub fn canonical(json: &str) -> Result<Vec<u8>, NotCanonical> {
    let value: serde_json::Value = serde_json::from_str(json)?;
    Ok(serde_json_canonicalizer::to_vec(&value)?)
}

fn row_digest(collection: &str, id: &str, json: &str) -> Result<[u64; 4], NotCanonical> {
    let mut hasher = Sha256::new();
    hasher.update(collection.as_bytes());
    hasher.update([0]);
    hasher.update(id.as_bytes());
    hasher.update([0]);
    hasher.update(canonical(json)?);
    let bytes: [u8; 32] = hasher.finalize().into();
    let mut limbs = [0; 4];
    for (limb, part) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = part.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    Ok(limbs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(rows: &[(&str, &str, &str)]) -> StateHash {
        let mut hash = StateHash::default();
        for (collection, id, json) in rows {
            hash.add(collection, id, json).expect("JSON");
        }
        hash
    }

    const A: (&str, &str, &str) = ("products", "a", r#"{"b":1,"a":[true,null,"\u00e9"]}"#);
    const B: (&str, &str, &str) = ("sessions", "b", r#"{"x":-2}"#);

    #[test]
    fn one_row_is_the_digest_of_its_canonical_text() {
        let expect = Sha256::digest("products\0a\0{\"a\":[true,null,\"é\"],\"b\":1}".as_bytes());
        let expect: String = expect.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash(&[A]).to_hex(), expect);
    }

    #[test]
    fn rows_are_hashed_as_they_are_written() {
        let settings = crate::settings::SettingsRow::new("Park", crate::time::VenueTime(1));
        let json = serde_json::to_string(&settings).expect("JSON");
        let hash_of_row = StateHash::of_rows([Row::Settings(settings)]).expect("a row");
        assert_eq!(hash_of_row, hash(&[("settings", "system", &json)]));
    }

    #[test]
    fn the_order_of_rows_and_keys_does_not_count() {
        assert_eq!(hash(&[A, B]), hash(&[B, ("products", "a", r#"{ "a": [true, null, "é"], "b": 1 }"#)]));
    }

    #[test]
    fn what_is_taken_out_leaves_no_trace() {
        let mut both = hash(&[A, B]);
        both.remove(A.0, A.1, A.2).expect("JSON");
        assert_eq!(both, hash(&[B]));
        both.remove(B.0, B.1, B.2).expect("JSON");
        assert_eq!(both, StateHash::default());
    }

    #[test]
    fn collection_id_and_row_all_count() {
        let different = [A, ("sessions", "a", A.2), ("products", "b", A.2), ("products", "a", "{}")];
        for (index, one) in different.iter().enumerate() {
            for other in &different[index + 1..] {
                assert_ne!(hash(&[*one]), hash(&[*other]));
            }
        }
    }

    #[test]
    fn hex_is_read_back_and_anything_else_refused() {
        let both = hash(&[A, B]);
        assert_eq!(StateHash::from_hex(&both.to_hex()), Ok(both));
        for bad in ["", "00", &"g".repeat(64), &"+".repeat(64), &"0".repeat(65)] {
            assert_eq!(StateHash::from_hex(bad), Err(InvalidHash));
        }
    }
}
