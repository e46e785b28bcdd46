//! Where the venue is kept: its rows, its log and the outcomes of its commands.
//!
//! [`Store`] is the port; [`sqlite`] implements it, and whatever else does must pass the same contract
//! suite. SQL lives below here and nowhere else. Calls block: they run on the threads of [`threads`], never
//! on the async one.

pub mod sqlite;
pub mod threads;

use std::{collections::BTreeMap, path::PathBuf};

use gangway_domain::{
    decide::Needs,
    event::EventName,
    hash::StateHash,
    ids::{CommandId, DeviceId, Epoch, EventId, Position, ProductId, Seq, SessionId, StaffId, TransactionId},
    rows::{Collection, ProductRow, Row, TransactionRow},
    settings::SettingsRow,
    time::VenueTime,
    venue::Venue,
};
use thiserror::Error;

/// Why the store could not do it. Nothing of the transaction is kept, so it may be tried again.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("the database can't be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The tables could not be made or brought up to date.
    #[error("the database can't be brought up to date: {0}")]
    Migration(#[from] refinery::Error),
    /// What is stored can't be read, or does not fit together.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The library or the file is none that can be used.
    #[error("{0}")]
    Unusable(String),
    /// A newer version keeps this file; it was left as it is.
    #[error("The venue {} is of a newer version of Gangway: start that version; nothing was changed.", .0.display())]
    Newer(PathBuf),
    /// The threads have ended or have too much to do.
    #[error("the database is busy")]
    Busy,
    /// Whoever watched it said that it need not go on.
    #[error("it was ended before it was done")]
    Cancelled,
    /// The program itself failed in the middle of it; nothing was kept.
    #[error("the command broke")]
    Broke,
}

/// What takes long on a large venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes are copied.
    Copying,
    /// Events are replayed.
    Replaying,
    /// Rows are compared.
    Comparing,
}

/// Is told how much of a stage is done and how much there is; says whether to go on.
pub type Progress<'a> = &'a dyn Fn(Stage, u64, u64) -> bool;

/// The locked row from which a command takes its seqs: what the log and the sync set are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The venue's id, for ever.
    pub venue_id: String,
    /// Which log.
    pub epoch: Epoch,
    /// Where this epoch left the one before, if known (`sync.md` rule 8).
    pub epoch_base: Option<Position>,
    /// The last event.
    pub seq: Seq,
    /// The last event that the profile `full` sees.
    pub full_seq: Seq,
    /// The id of the event at `seq`; none before the first.
    pub event_id: Option<EventId>,
    /// Venue time never goes behind this.
    pub last_time: VenueTime,
    /// Of the sync set.
    pub state_hash: StateHash,
}

/// One event as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place.
    pub seq: Seq,
    /// Tells two histories apart.
    pub id: EventId,
    /// What happened.
    pub name: EventName,
    /// The lean payload, JSON.
    pub payload: String,
    /// The changed rows, JSON.
    pub changes: String,
    /// When it was committed, venue time.
    pub emitted_at: VenueTime,
    /// Whose command; none where the clock gave it.
    pub command_id: Option<CommandId>,
    /// The last seq of its command.
    pub last: Seq,
    /// The event before it that `full` sees.
    pub prev_full: Seq,
    /// Of the sync set after the command, on its last event only.
    pub state_hash: Option<StateHash>,
}

/// A row as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Canonical JSON.
    pub json: String,
    /// Whether it is in the sync set.
    pub in_sync: bool,
}

/// A command with its outcome, kept by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCommand {
    /// Its id.
    pub command_id: CommandId,
    /// Of its type and fields.
    pub fingerprint: String,
    /// Its type.
    pub kind: String,
    /// Which desk.
    pub device_id: Option<DeviceId>,
    /// Who.
    pub staff_id: Option<StaffId>,
    /// When the desk said that it was tapped.
    pub occurred_at: Option<VenueTime>,
    /// Why, where a reason is asked for; such a command is kept for good.
    pub reason: Option<String>,
    /// When it took effect.
    pub effective_at: VenueTime,
    /// When it was stored.
    pub stored_at: VenueTime,
    /// The outcome, JSON.
    pub outcome: String,
}

/// A desk or a screen that was paired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDevice {
    /// Its id.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// The name of its role.
    pub role: String,
    /// SHA-256 of its token, in hex.
    pub token_hash: String,
    /// When it got the token.
    pub paired_at: VenueTime,
    /// When it called last, to about a minute.
    pub seen_at: Option<VenueTime>,
    /// Its token counts no more since then.
    pub revoked_at: Option<VenueTime>,
}

/// A code by which one device gets its token, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// SHA-256 of the code, in hex.
    pub code_hash: String,
    /// The role that it gives.
    pub role: String,
    /// From then on it gives nothing.
    pub expires_at: VenueTime,
}

/// What nobody needs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Outcomes of commands that were given and stored before, but for those with a reason; ended places that were lent before.
    pub outcomes_before: VenueTime,
    /// Moments of desks' commands on bands before.
    pub moments_before: VenueTime,
    /// Events before; a command's go together.
    pub events_before: VenueTime,
    /// At most so many rows of each kind.
    pub limit: u32,
}

/// A moment of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After that event.
    Seq(Seq),
    /// At that moment.
    Time(VenueTime),
    /// When it was made.
    Beginning,
}

/// Which lines are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinesOf {
    /// All.
    Everything,
    /// Those of a visit.
    Session(SessionId),
    /// Those of a band, of all its visits.
    Band(String),
}

/// The venue at one moment, read only.
pub trait View {
    /// The head row.
    ///
    /// # Errors
    /// The store failed.
    fn head(&self) -> Result<Head, StoreError>;

    /// Gives each row of the sync set to `take`, collection by collection, until it says false.
    ///
    /// # Errors
    /// The store failed.
    fn sync_set(&self, take: &mut dyn FnMut(Collection, &str, &str) -> bool) -> Result<(), StoreError>;

    /// About `limit` events after `after`, in order; whole commands only, so it may be a few more.
    ///
    /// # Errors
    /// The store failed.
    fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<LoggedEvent>, StoreError>;

    /// The last event that was taken off the front of the log; 0: it has all its events.
    ///
    /// # Errors
    /// The store failed.
    fn trimmed(&self) -> Result<Seq, StoreError>;

    /// The id of the event at `seq`.
    ///
    /// # Errors
    /// The store failed.
    fn event_id(&self, seq: Seq) -> Result<Option<EventId>, StoreError>;

    /// Whether the log has an event of that id, at whatever place.
    ///
    /// # Errors
    /// The store failed.
    fn has_event(&self, id: &EventId) -> Result<bool, StoreError>;

    /// The command of that id, if it has an outcome.
    ///
    /// # Errors
    /// The store failed.
    fn command(&self, id: CommandId) -> Result<Option<StoredCommand>, StoreError>;

    /// Up to `limit` lines, newest first.
    ///
    /// # Errors
    /// The store failed.
    fn lines(&self, of: &LinesOf, limit: usize) -> Result<Vec<TransactionRow>, StoreError>;

    /// One line.
    ///
    /// # Errors
    /// The store failed.
    fn line(&self, id: &TransactionId) -> Result<Option<TransactionRow>, StoreError>;

    /// Whether there is such a visit, in the sync set or not.
    ///
    /// # Errors
    /// The store failed.
    fn has_session(&self, id: &SessionId) -> Result<bool, StoreError>;

    /// The last event that has one of `names`; 0: there is none.
    ///
    /// # Errors
    /// The store failed.
    fn last_of(&self, names: &[EventName]) -> Result<Seq, StoreError>;

    /// All devices that were ever paired, the oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn devices(&self) -> Result<Vec<StoredDevice>, StoreError>;
}

/// One write transaction; dropped without [`Transaction::commit`], it leaves nothing behind.
pub trait Transaction: View {
    /// The rows that a command is decided by, with settings, occupancy and whether anything was sold.
    ///
    /// # Errors
    /// The store failed.
    fn slice(&self, needs: &Needs) -> Result<Venue, StoreError>;

    /// One stored row.
    ///
    /// # Errors
    /// The store failed.
    fn row(&self, collection: Collection, id: &str) -> Result<Option<StoredRow>, StoreError>;

    /// A visit with all that belongs to it, in the sync set or not.
    ///
    /// # Errors
    /// The store failed.
    fn family(&self, session: &SessionId) -> Result<Vec<Row>, StoreError>;

    /// A product as it was then; none: not there yet.
    ///
    /// # Errors
    /// The store failed.
    fn product_as_of(&self, id: &ProductId, moment: AsOf) -> Result<Option<ProductRow>, StoreError>;

    /// When the desk's last command on the band took effect.
    ///
    /// # Errors
    /// The store failed.
    fn desk_band_at(&self, device: &DeviceId, band: &str) -> Result<Option<VenueTime>, StoreError>;

    /// Remembers when a desk's command on a band took effect.
    ///
    /// # Errors
    /// The store failed.
    fn put_desk_band(&mut self, device: &DeviceId, band: &str, at: VenueTime) -> Result<(), StoreError>;

    /// How many places each desk was told to hold the last time, if any.
    ///
    /// # Errors
    /// The store failed.
    fn shares(&self) -> Result<BTreeMap<DeviceId, u32>, StoreError>;

    /// Remembers how many places a desk is told to hold.
    ///
    /// # Errors
    /// The store failed.
    fn put_share(&mut self, device: &DeviceId, share: u32) -> Result<(), StoreError>;

    /// Stores a row, in the sync set; `json` is its canonical text.
    ///
    /// # Errors
    /// The store failed.
    fn put_row(&mut self, row: &Row, json: &str) -> Result<(), StoreError>;

    /// Takes a row out of the sync set; it stays stored.
    ///
    /// # Errors
    /// The store failed.
    fn leave_sync_set(&mut self, collection: Collection, id: &str) -> Result<(), StoreError>;

    /// Keeps what a product is from `seq` and `time` on.
    ///
    /// # Errors
    /// The store failed.
    fn put_product_version(&mut self, row: &ProductRow, seq: Seq, time: VenueTime) -> Result<(), StoreError>;

    /// Forgets what products were, so that every sale is priced by what they are from here on.
    ///
    /// # Errors
    /// The store failed.
    fn forget_product_versions(&mut self) -> Result<(), StoreError>;

    /// Appends to the log.
    ///
    /// # Errors
    /// The store failed.
    fn append(&mut self, event: &LoggedEvent) -> Result<(), StoreError>;

    /// Keeps a command with its outcome.
    ///
    /// # Errors
    /// The store failed.
    fn put_command(&mut self, command: &StoredCommand) -> Result<(), StoreError>;

    /// Deletes a part of what nobody needs any more; says whether it found anything.
    ///
    /// The head's events stay, and so do the catalogue's versions as of any event of the log.
    ///
    /// # Errors
    /// The store failed.
    fn purge(&mut self, purge: &Purge) -> Result<bool, StoreError>;

    /// Replaces the head row.
    ///
    /// # Errors
    /// The store failed.
    fn set_head(&mut self, head: &Head) -> Result<(), StoreError>;

    /// Stores a device, or replaces the one of its id.
    ///
    /// # Errors
    /// The store failed.
    fn put_device(&mut self, device: &StoredDevice) -> Result<(), StoreError>;

    /// Remembers when a device called.
    ///
    /// # Errors
    /// The store failed.
    fn saw_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError>;

    /// A device's token counts no more.
    ///
    /// # Errors
    /// The store failed.
    fn revoke_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError>;

    /// Stores a pairing code.
    ///
    /// # Errors
    /// The store failed.
    fn put_code(&mut self, code: &StoredCode) -> Result<(), StoreError>;

    /// Takes the code of that hash away, if it counts at `now`: it gives nothing a second time.
    ///
    /// # Errors
    /// The store failed.
    fn take_code(&mut self, hash: &str, now: VenueTime) -> Result<Option<StoredCode>, StoreError>;

    /// Marks where one command of several begins.
    ///
    /// # Errors
    /// The store failed.
    fn mark(&mut self) -> Result<(), StoreError>;

    /// The command since the mark stays.
    ///
    /// # Errors
    /// The store failed.
    fn keep(&mut self) -> Result<(), StoreError>;

    /// The command since the mark leaves nothing behind; what was before it stays.
    ///
    /// # Errors
    /// The store failed.
    fn undo(&mut self) -> Result<(), StoreError>;

    /// Makes it durable.
    ///
    /// # Errors
    /// The store failed; then nothing was kept.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// A connection that reads.
pub trait Reader: Send {
    /// Runs `work` on the venue as it stands at one moment.
    ///
    /// # Errors
    /// The store failed, or `work` did.
    fn view(&mut self, work: &mut dyn FnMut(&dyn View) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

/// A venue's store: one writer, any number of readers beside it.
pub trait Store: Send {
    /// Begins the one write transaction; it holds the head row until its end.
    ///
    /// # Errors
    /// The store failed.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError>;

    /// Another connection to the same venue, for reads.
    ///
    /// # Errors
    /// The store failed.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// Marks that everything is on disk and the program ended as it should.
    ///
    /// # Errors
    /// The store failed.
    fn close(&mut self) -> Result<(), StoreError>;
}

/// What a venue that was just made starts with.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Its id.
    pub venue_id: String,
    /// Its first log.
    pub epoch: Epoch,
    /// Its settings.
    pub settings: SettingsRow,
}
