//! A venue's "no": an outcome, not an error. Every code of the contract is made here and nowhere else.

use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Why a command was not accepted. The text is a sentence for people; [`Rejection::code`] is for programs.
#[derive(Clone, Debug, PartialEq, Eq, Error, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Rejection {
    /// The band has no time to play.
    #[error("This band has no time left. Send it to the desk.")]
    NoCredit,
    /// It plays already: a scan too many, or a copied band (`domain.md` rule 9).
    #[error("This band is already playing.")]
    AlreadyPlaying,
    /// It does not play.
    #[error("This band is not playing.")]
    NotPlaying,
    /// Nobody may enter now.
    #[error("The venue is full ({max} places).")]
    VenueFull {
        /// Places.
        max: u32,
        /// Of these, free ones that are lent to other desks.
        lent: u32,
    },
    /// No live visit with this band.
    #[error("This band is not known here. Sell it time first.")]
    UnknownBand,
    /// No such product, or it was removed.
    #[error("There is no such product.")]
    UnknownProduct {
        /// What was asked for.
        product_id: String,
    },
    /// It was removed before.
    #[error("This product has been removed.")]
    ProductRemoved,
    /// No such line of a sale.
    #[error("There is no such sale.")]
    UnknownTransaction,
    /// Its money was given back before.
    #[error("This sale has already been refunded.")]
    AlreadyRefunded,
    /// The venue insists on a product that is not in the sale (`domain.md`, Words).
    #[error("{name} is required with this sale.")]
    RequiredProductMissing {
        /// The product's id.
        product_id: String,
        /// Its name.
        name: String,
    },
    /// The first sale fixed it (`sync.md` rule 23).
    #[error("The currency can't change after the first sale.")]
    CurrencyFixed,
    /// The command is invalid by itself (`sync.md` rule 15).
    #[error("{reason}")]
    #[strum(serialize = "invalid_command")]
    Invalid {
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// It is older than outcomes are kept, so nobody can say whether it was done before (`sync.md` rule 16).
    #[error(
        "This is older than 30 days, so nobody can say any more whether it was done then. It is not done now; look whether it still matters."
    )]
    TooOld,
    /// Its device has no right to it.
    #[error("This device may not do that. Somebody with the right to it has to.")]
    Forbidden,
    /// No such open entry of the attention list.
    #[error("This entry is settled already.")]
    UnknownEntry,
    /// Its id was used with other content (`sync.md` rule 15).
    #[error("This command's id was used before for something else.")]
    IdConflict,
}

impl Rejection {
    /// The snake_case code of `contract.md`.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// Every code that there is.
    pub fn codes() -> &'static [&'static str] {
        Self::VARIANTS
    }

    /// What a program needs to say it in its own words.
    pub fn details(&self) -> Value {
        match self {
            Self::VenueFull { max, lent } => json!({ "maxOccupancy": max, "lent": lent }),
            Self::UnknownProduct { product_id } => json!({ "productId": product_id }),
            Self::RequiredProductMissing { product_id, name } => json!({ "productId": product_id, "name": name }),
            Self::NoCredit
            | Self::AlreadyPlaying
            | Self::NotPlaying
            | Self::UnknownBand
            | Self::ProductRemoved
            | Self::UnknownTransaction
            | Self::AlreadyRefunded
            | Self::CurrencyFixed
            | Self::Invalid { .. }
            | Self::TooOld
            | Self::Forbidden
            | Self::UnknownEntry
            | Self::IdConflict => json!({}),
        }
    }

    /// The rejection on the wire: `{code, message, details}`.
    pub fn to_wire(&self) -> Value {
        json!({ "code": self.code(), "message": self.to_string(), "details": self.details() })
    }
}
