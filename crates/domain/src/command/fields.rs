//! The fields of each command as JSON has them; what they hold is within [`super::bounds`].

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    AttentionAction, Command, Correction, InvalidCommand, LINES_MAX, Line, NewProduct, ProductChanges, RaiseKind,
    SaleLine, bounds,
};
use crate::{
    band::BarcodeId,
    ids::{AttentionId, CommandId, DeviceId, ProductId, TransactionId},
    money::Amount,
    noticed::Remark,
};

pub(super) fn bounded_lines<L, T: From<L>>(lines: Vec<L>) -> Result<Vec<T>, InvalidCommand> {
    if (1..=LINES_MAX).contains(&lines.len()) {
        Ok(lines.into_iter().map(T::from).collect())
    } else {
        Err(InvalidCommand(format!("A sale has 1 to {LINES_MAX} lines.")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BandFields {
    #[serde(deserialize_with = "bounds::barcode")]
    pub(super) barcode_id: BarcodeId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckinFields {
    #[serde(deserialize_with = "bounds::barcode")]
    pub(super) barcode_id: BarcodeId,
    pub(super) products: Vec<CheckinLine>,
}

#[derive(Deserialize)]
pub(super) struct CheckinLine {
    pub(super) id: ProductId,
    #[serde(deserialize_with = "bounds::quantity")]
    pub(super) quantity: u32,
}

#[derive(Deserialize)]
pub(super) struct SaleFields {
    pub(super) lines: Vec<SaleLineFields>,
    #[serde(default, deserialize_with = "bounds::optional_name")]
    pub(super) payment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SaleLineFields {
    #[serde(deserialize_with = "bounds::barcode")]
    pub(super) barcode_id: BarcodeId,
    pub(super) product_id: ProductId,
    #[serde(deserialize_with = "bounds::quantity")]
    pub(super) quantity: u32,
}

#[derive(Deserialize)]
pub(super) struct CreateFields {
    pub(super) product: ProductFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductFields {
    #[serde(deserialize_with = "bounds::name")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "bounds::optional_text")]
    pub(super) description: Option<String>,
    pub(super) price: Amount,
    #[serde(deserialize_with = "bounds::name")]
    pub(super) category: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default, deserialize_with = "bounds::time_value")]
    pub(super) time_value_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateFields {
    pub(super) product_id: ProductId,
    pub(super) changes: ChangeFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeFields {
    #[serde(default, deserialize_with = "bounds::some_name")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "bounds::some_optional_text")]
    pub(super) description: Option<Option<String>>,
    #[serde(default)]
    pub(super) price: Option<Amount>,
    #[serde(default, deserialize_with = "bounds::some_name")]
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) required: Option<bool>,
    #[serde(default, deserialize_with = "bounds::some_time_value")]
    pub(super) time_value_seconds: Option<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteFields {
    pub(super) product_id: ProductId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CorrectFields {
    pub(super) transaction_id: TransactionId,
    #[serde(default, deserialize_with = "bounds::some_quantity")]
    pub(super) quantity: Option<u32>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "bounds::reason")]
    pub(super) reason: String,
}

#[derive(Deserialize)]
pub(super) struct SettingsFields {
    pub(super) changes: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct RaiseFields {
    kind: RaiseKind,
    #[serde(deserialize_with = "bounds::reason")]
    message: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    params: Option<Map<String, Value>>,
    #[serde(default)]
    command: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResolveFields {
    entry_id: AttentionId,
    action: AttentionAction,
    #[serde(default, deserialize_with = "bounds::optional_text")]
    reason: Option<String>,
    #[serde(default)]
    again: Option<CommandId>,
}

impl RaiseFields {
    pub(super) fn into_command(self) -> Result<Command, InvalidCommand> {
        let Self { kind, message, code, params, command } = self;
        let remark = code.map(|code| Remark::new(code, params.unwrap_or_default())).transpose()?;
        Ok(Command::AttentionRaise { kind, message, remark, command })
    }
}

impl ResolveFields {
    pub(super) fn into_command(self) -> Result<Command, InvalidCommand> {
        let Self { entry_id, action, reason, again } = self;
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        match (action, &reason, again) {
            (AttentionAction::Redo, _, None) => Err(InvalidCommand("A redo names the command that did it.".to_owned())),
            (AttentionAction::Correct | AttentionAction::Dismiss, None, _) => {
                Err(InvalidCommand("Say why.".to_owned()))
            }
            _ => Ok(Command::AttentionResolve { entry_id, action, reason, again }),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteOffFields {
    /// Not `deviceId`: that says who sends it.
    pub(super) lost_device_id: DeviceId,
    #[serde(deserialize_with = "bounds::reason")]
    pub(super) reason: String,
}

// === conversions of fields

impl From<CheckinLine> for Line {
    fn from(line: CheckinLine) -> Self {
        Self { product_id: line.id, quantity: line.quantity }
    }
}

impl From<SaleLineFields> for SaleLine {
    fn from(line: SaleLineFields) -> Self {
        Self { barcode_id: line.barcode_id, line: Line { product_id: line.product_id, quantity: line.quantity } }
    }
}

impl From<ProductFields> for NewProduct {
    fn from(fields: ProductFields) -> Self {
        let ProductFields { name, description, price, category, required, time_value_seconds } = fields;
        Self { name, description, price, category, required, time_value_seconds }
    }
}

impl ChangeFields {
    pub(super) fn into_changes(self) -> Result<ProductChanges, InvalidCommand> {
        let Self { name, description, price, category, required, time_value_seconds } = self;
        let changes = ProductChanges { name, description, price, category, required, time_value_seconds };
        if changes == ProductChanges::default() {
            return Err(InvalidCommand("Nothing was given to change.".to_owned()));
        }
        Ok(changes)
    }
}

impl CorrectFields {
    pub(super) fn into_command(self) -> Result<Command, InvalidCommand> {
        let correction = match (self.quantity, self.status.as_deref()) {
            (Some(quantity), None) => Correction::Quantity(quantity),
            (None, Some("refunded")) => Correction::Refund,
            (Some(_), Some(_)) => return Err(InvalidCommand("Give a quantity or a refund, not both.".to_owned())),
            (None, Some(_)) => return Err(InvalidCommand("The only status that can be set is refunded.".to_owned())),
            (None, None) => return Err(InvalidCommand("Give the quantity that is right, or a refund.".to_owned())),
        };
        Ok(Command::Correct { transaction_id: self.transaction_id, correction, reason: self.reason })
    }
}
