//! Reading a command's arguments so that bad ones are refused in the form of every refusal.

use serde::de::DeserializeOwned;
use tauri::Runtime;
use tauri::ipc::{CommandArg, CommandItem, InvokeBody, InvokeError};

use crate::refusal::{Code, Refusal};

/// The whole argument object of a call. Tauri's own reading would reject with a bare sentence.
pub struct Args<T>(pub T);

impl<'de, R: Runtime, T: DeserializeOwned> CommandArg<'de, R> for Args<T> {
    fn from_command(command: CommandItem<'de, R>) -> Result<Self, InvokeError> {
        let read = match command.message.payload() {
            InvokeBody::Json(body) => T::deserialize(body).map_err(|error| error.to_string()),
            InvokeBody::Raw(_) => Err("it is not JSON".to_owned()),
        };
        read.map(Args).map_err(|why| {
            let message = format!("The call {} was not understood: {why}.", command.name);
            InvokeError::from(Refusal::new(Code::BadRequest, message))
        })
    }
}
