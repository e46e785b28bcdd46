//! Pairing: this desk gets a token of its own for a code that a manager shows.

use std::{path::Path, sync::Arc};

use gangway_domain::ids::DeviceId;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    core::Core,
    error::ConsoleError,
    net::{
        PairCall, RestError,
        credential::{self, NOT_PRIVATE},
        supervisor::Order,
        trust,
    },
};

/// What a desk is called that nobody named.
const UNNAMED: &str = "Desk";

/// What the server knows this desk as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedAs {
    /// Its id.
    pub device_id: String,
    /// What it may do: `manager`, `operator`, `kiosk` or `display`.
    pub role: String,
}

pub(crate) async fn pair(
    core: &Arc<Core>,
    folder: &Path,
    orders: &mpsc::Sender<Order>,
    code: &str,
    device_name: Option<String>,
) -> Result<PairedAs, ConsoleError> {
    let device_name = device_name.or_else(|| core.device.name.clone()).unwrap_or_else(|| UNNAMED.to_owned());
    let device_id = DeviceId(core.device.id.clone());
    let call = PairCall { code: code.to_owned(), device_name, device_id };
    let paired = core.rest.pair(call).await.map_err(|error| refused(&error))?;
    // A try that is under way has no token yet: the next one follows it at once. A full channel holds one already.
    let _ = orders.try_send(Order::Retry);
    core.tapped.notify_one();
    if let Some(authority) = &paired.authority {
        trust::store(folder, authority).map_err(ConsoleError::TokenNotSaved)?;
    }
    credential::store(folder, &paired.token()).map_err(ConsoleError::TokenNotSaved)?;
    Ok(PairedAs { device_id: paired.device_id.to_string(), role: paired.role })
}

fn refused(error: &RestError) -> ConsoleError {
    match error {
        RestError::Refused { code, .. } if code == "wrong_code" => ConsoleError::WrongCode,
        RestError::Refused { code, .. } if code == "device_paired" => ConsoleError::DevicePaired,
        RestError::Refused { code, .. } if code == NOT_PRIVATE => ConsoleError::NotPrivate,
        RestError::Refused { message, .. } => ConsoleError::InvalidRequest(message.clone()),
        RestError::Busy { .. } => ConsoleError::TooManyGuesses,
        RestError::Link(why) | RestError::Malformed(why) => ConsoleError::Offline(why.clone()),
    }
}
