//! `gangway-server token`: a pairing code for whoever holds the venue's machine, as when the last manager's device is
//! lost.

use std::{path::Path, sync::Arc};

use gangway_domain::time::VenueTime;

use super::{
    StartError,
    venue::{Opening, Venue},
};
use crate::{
    access::Role,
    clock::{Clock, RandomIds, RealMachine, VenueClock},
    folder::Folder,
    store::{StoreError, sqlite, threads::OwnThreads},
};

/// A code by which one device gets a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingCode {
    /// The code.
    pub code: String,
    /// What the device may do.
    pub role: Role,
    /// From then on it gives nothing.
    pub expires_at: VenueTime,
}

/// Makes a code for the venue in `data_dir` while no server runs on it.
///
/// # Errors
/// There is no venue, a server runs, or its file refused; one sentence.
pub fn make_code(data_dir: &Path, role: Role) -> Result<PairingCode, StartError> {
    if !data_dir.join(sqlite::FILE).is_file() {
        return Err(StartError::Options(format!("There is no venue in {}.", data_dir.display())));
    }
    let folder = Folder::open(data_dir)?;
    folder.is_whole()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Fault(format!("The machine gives no runtime: {error}.")))?;
    let made = runtime.block_on(make(&folder, role));
    made.map_err(|error| StartError::of_store("A pairing code can't be made", &error))
}

async fn make(folder: &Folder, role: Role) -> Result<PairingCode, StoreError> {
    let venue = Venue::open(Opening {
        file: &folder.file(sqlite::FILE),
        name: "",
        ids: Arc::new(RandomIds),
        clock: &|floor: VenueTime| -> Arc<dyn Clock> { Arc::new(VenueClock::new(RealMachine::default(), floor)) },
        workers: Arc::new(OwnThreads),
    })?;
    let (code, expires_at) = venue.parts(false).app.access.make_code(role).await?;
    venue.store.close().await?;
    Ok(PairingCode { code, role, expires_at })
}
