//! Money: integer minor units inside, a JSON number in major units on the wire.
//!
//! A float never does arithmetic: an amount is parsed as a decimal from its text (`contract.md`).

use std::str::FromStr;

use iso_currency::Currency as IsoCurrency;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::{Number, value::RawValue};
use thiserror::Error;

/// The largest price, in major units (`contract.md`, Bounds).
pub const PRICE_MAX_MAJOR: i64 = 1_000_000;
/// Minor units of a major one in the currency that has most: ISO 4217 knows up to four decimals.
pub const MINOR_PER_MAJOR_MAX: i64 = 10_000;

/// An amount in the currency's smallest unit (cents); corrections are negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MinorUnits(pub i64);

/// An ISO 4217 currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(IsoCurrency);

/// Why an amount was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not a JSON number.
    #[error("an amount has to be a number")]
    NotANumber,
    /// More decimals than the currency has.
    #[error("an amount in {currency} has at most {decimals} decimals")]
    TooManyDecimals {
        /// ISO code.
        currency: String,
        /// What the currency has.
        decimals: u32,
    },
    /// Negative, or past [`PRICE_MAX_MAJOR`].
    #[error("an amount has to be between 0 and 1,000,000")]
    OutOfRange,
}

impl Currency {
    /// The currency of an ISO 4217 code such as `EUR`, if there is one.
    pub fn from_code(code: &str) -> Option<Self> {
        IsoCurrency::from_code(code).map(Self)
    }

    /// Decimals of a major unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// The price `amount` in major units, exact.
    ///
    /// # Errors
    /// Too many decimals for this currency, negative or too large.
    pub fn price(self, amount: Decimal) -> Result<MinorUnits, MoneyError> {
        let amount = amount.normalize();
        if amount < Decimal::ZERO || amount > Decimal::from(PRICE_MAX_MAJOR) {
            return Err(MoneyError::OutOfRange);
        }
        if amount.scale() > self.decimals() {
            let currency = self.0.code().to_owned();
            return Err(MoneyError::TooManyDecimals { currency, decimals: self.decimals() });
        }
        let minor = amount * Decimal::from(10_i64.pow(self.decimals()));
        minor.to_i64().map(MinorUnits).ok_or(MoneyError::OutOfRange)
    }

    /// The amount as a JSON number in major units: `26.5`, `12`.
    pub fn to_wire(self, amount: MinorUnits) -> Number {
        let text = Decimal::new(amount.0, self.decimals()).normalize().to_string();
        // The text of a decimal is always a JSON number; integers stay integers, and a double of at
        // most 15 digits prints as the decimal that it was read from.
        Number::from_str(&text).unwrap_or_else(|_| Number::from(0))
    }
}

/// An amount in major units as it came in: the decimal of a JSON number's text. Which decimals it may
/// have is the venue's currency's to say, when the command is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Decimal);

impl Amount {
    /// Reads the text of a JSON number.
    ///
    /// # Errors
    /// The text is not a number, or has more digits than any price.
    pub fn parse(number_text: &str) -> Result<Self, MoneyError> {
        let text = number_text.trim();
        if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return Err(MoneyError::NotANumber);
        }
        // Exact or refused: a text with more digits than a decimal holds would be rounded silently.
        if text.len() > 28 {
            return Err(MoneyError::OutOfRange);
        }
        Decimal::from_str(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map(|amount| Self(amount.normalize()))
            .map_err(|_| MoneyError::OutOfRange)
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(text.get()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::from_code("EUR").expect("EUR is a currency")
    }

    fn check(text: &str, expect: Result<i64, &str>) {
        let got = Amount::parse(text)
            .and_then(|amount| euro().price(amount.0))
            .map(|amount| amount.0)
            .map_err(|error| error.to_string());
        match expect {
            Ok(minor) => assert_eq!(got, Ok(minor), "{text}"),
            Err(part) => assert!(got.as_ref().is_err_and(|e| e.contains(part)), "{text}: {got:?}"),
        }
    }

    #[test]
    fn a_price_is_exact_or_refused() {
        check("12.5", Ok(1250));
        check("0", Ok(0));
        check("12.500", Ok(1250));
        check("1e2", Ok(10_000));
        check("1000000", Ok(100_000_000));
        check("12.505", Err("2 decimals"));
        check("12.500000000000000001", Err("2 decimals"));
        check("-1", Err("between"));
        check("1000000.01", Err("between"));
        check("1e300", Err("between"));
        check("\"1\"", Err("number"));
        check("null", Err("number"));
        check("true", Err("number"));
    }

    #[test]
    fn a_currency_without_decimals_refuses_them() {
        let yen = Currency::from_code("JPY").expect("JPY is a currency");
        assert_eq!(yen.price(Decimal::from(500)), Ok(MinorUnits(500)));
        assert!(yen.price(Decimal::new(5005, 1)).is_err());
        assert_eq!(yen.to_wire(MinorUnits(500)).to_string(), "500");
    }

    #[test]
    fn amounts_are_written_as_short_numbers() {
        assert_eq!(euro().to_wire(MinorUnits(2650)).to_string(), "26.5");
        assert_eq!(euro().to_wire(MinorUnits(1200)).to_string(), "12");
        assert_eq!(euro().to_wire(MinorUnits(-5)).to_string(), "-0.05");
    }
}
