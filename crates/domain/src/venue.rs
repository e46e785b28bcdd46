//! A venue as it stands: its rows, and what is looked up in them.
//!
//! The same type is the whole venue (a console's cache, the server's mirror) and a slice of it (the rows
//! that one command needs, loaded inside its transaction): [`crate::decide`] can't tell them apart.

use std::collections::{BTreeMap, HashMap};

use thiserror::Error;

use crate::{
    attention::AttentionRow,
    band::BarcodeId,
    figures::{DashboardStats, DayTotals},
    ids::{AttentionId, CorrectionId, PlaceId, ProductId, SegmentId, SessionId, TransactionId},
    rows::{Change, Collection, CorrectionRow, PlaceRow, ProductRow, Row, SegmentRow, SessionRow, TransactionRow},
    settings::{SETTINGS_ID, SettingsRow},
    time::VenueTime,
};

/// The rows hold no settings, so they are no venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the rows hold no settings")]
pub struct NoSettings;

/// A venue, or the slice of it that a command needs.
#[derive(Clone, Debug)]
pub struct Venue {
    settings: SettingsRow,
    products: BTreeMap<ProductId, ProductRow>,
    visits: HashMap<SessionId, Visit>,
    live_by_band: HashMap<BarcodeId, SessionId>,
    visits_of_band: HashMap<BarcodeId, Vec<SessionId>>,
    session_of_segment: HashMap<SegmentId, SessionId>,
    transactions: HashMap<TransactionId, TransactionRow>,
    corrections: HashMap<CorrectionId, CorrectionRow>,
    corrections_of: HashMap<TransactionId, Vec<CorrectionId>>,
    attention: BTreeMap<AttentionId, AttentionRow>,
    places: BTreeMap<PlaceId, PlaceRow>,
    playing: u32,
    sold: bool,
    totals: Option<DayTotals>,
}

/// A session with what belongs to it; rows may arrive in any order, so the session itself may be missing.
#[derive(Clone, Debug, Default)]
struct Visit {
    session: Option<SessionRow>,
    segments: BTreeMap<(VenueTime, SegmentId), SegmentRow>,
    transactions: Vec<TransactionId>,
}

impl Venue {
    /// A venue with settings and nothing else.
    pub fn new(settings: SettingsRow) -> Self {
        Self {
            settings,
            products: BTreeMap::new(),
            visits: HashMap::new(),
            live_by_band: HashMap::new(),
            visits_of_band: HashMap::new(),
            session_of_segment: HashMap::new(),
            transactions: HashMap::new(),
            corrections: HashMap::new(),
            corrections_of: HashMap::new(),
            attention: BTreeMap::new(),
            places: BTreeMap::new(),
            playing: 0,
            sold: false,
            totals: None,
        }
    }

    /// A venue of stored rows, in any order.
    ///
    /// # Errors
    /// There is no settings row among them.
    pub fn from_rows(rows: impl IntoIterator<Item = Row>) -> Result<Self, NoSettings> {
        let mut settings = None;
        let mut others = Vec::new();
        for row in rows {
            match row {
                Row::Settings(row) => settings = Some(row),
                other => others.push(Change::put(other)),
            }
        }
        let mut venue = Self::new(settings.ok_or(NoSettings)?);
        venue.apply(&others);
        Ok(venue)
    }

    /// Folds row changes in. Applying the same changes again changes nothing.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match &change.row {
                Some(row) => self.put(row),
                None => self.remove(change.collection, &change.id),
            }
        }
    }

    fn put(&mut self, row: &Row) {
        match row {
            Row::Settings(row) => {
                self.settings = row.clone();
                self.totals = None;
            }
            Row::Product(row) => {
                self.products.insert(row.id.clone(), row.clone());
            }
            Row::Session(row) => self.put_session(row),
            Row::Segment(row) => {
                self.remove(Collection::Segments, row.id.as_str());
                self.session_of_segment.insert(row.id.clone(), row.session_id.clone());
                let visit = self.visits.entry(row.session_id.clone()).or_default();
                visit.segments.insert((row.started_at, row.id.clone()), row.clone());
            }
            Row::Transaction(row) => {
                self.sold = true;
                self.remove(Collection::Transactions, row.id.as_str());
                self.visits.entry(row.session_id.clone()).or_default().transactions.push(row.id.clone());
                if let Some(totals) = &mut self.totals {
                    totals.add_line(row);
                }
                self.transactions.insert(row.id.clone(), row.clone());
            }
            Row::Correction(row) => {
                self.remove(Collection::Corrections, row.id.as_str());
                self.corrections_of.entry(row.transaction_id.clone()).or_default().push(row.id.clone());
                if let Some(totals) = &mut self.totals {
                    totals.add_correction(row);
                }
                self.corrections.insert(row.id.clone(), row.clone());
            }
            Row::Attention(row) => {
                self.attention.insert(row.id.clone(), row.as_ref().clone());
            }
            Row::Place(row) => {
                self.places.insert(row.id.clone(), row.clone());
            }
        }
    }

    fn put_session(&mut self, row: &SessionRow) {
        self.drop_session(&row.id);
        if row.open_segment.is_some() {
            self.playing += 1;
        }
        if row.is_live() {
            self.live_by_band.insert(row.barcode_id.clone(), row.id.clone());
        }
        if let Some(totals) = &mut self.totals {
            totals.waiting += u32::from(row.is_waiting());
        }
        self.visits_of_band.entry(row.barcode_id.clone()).or_default().push(row.id.clone());
        self.visits.entry(row.id.clone()).or_default().session = Some(row.clone());
    }

    fn remove(&mut self, collection: Collection, id: &str) {
        match collection {
            // A venue without settings is none; the row is only ever replaced.
            Collection::Settings => {}
            Collection::Products => {
                self.products.remove(&ProductId::from(id));
            }
            Collection::Sessions => {
                let id = SessionId::from(id);
                self.drop_session(&id);
                self.drop_empty_visit(&id);
            }
            Collection::Segments => self.drop_segment(&SegmentId::from(id)),
            Collection::Transactions => self.drop_transaction(&TransactionId::from(id)),
            Collection::Corrections => self.drop_correction(&CorrectionId::from(id)),
            Collection::Attention => {
                self.attention.remove(&AttentionId::from(id));
            }
            Collection::Places => {
                self.places.remove(&PlaceId::from(id));
            }
        }
    }

    fn drop_session(&mut self, id: &SessionId) {
        let Some(old) = self.visits.get_mut(id).and_then(|visit| visit.session.take()) else { return };
        if old.open_segment.is_some() {
            self.playing = self.playing.saturating_sub(1);
        }
        if self.live_by_band.get(&old.barcode_id) == Some(id) {
            self.live_by_band.remove(&old.barcode_id);
        }
        if let Some(totals) = &mut self.totals {
            totals.waiting -= u32::from(old.is_waiting());
        }
        if let Some(visits) = self.visits_of_band.get_mut(&old.barcode_id) {
            visits.retain(|visit| visit != id);
            if visits.is_empty() {
                self.visits_of_band.remove(&old.barcode_id);
            }
        }
    }

    fn drop_segment(&mut self, id: &SegmentId) {
        let Some(session) = self.session_of_segment.remove(id) else { return };
        if let Some(visit) = self.visits.get_mut(&session) {
            visit.segments.retain(|(_, segment), _| segment != id);
        }
        self.drop_empty_visit(&session);
    }

    fn drop_transaction(&mut self, id: &TransactionId) {
        let Some(old) = self.transactions.remove(id) else { return };
        if let Some(totals) = &mut self.totals {
            totals.remove_line(&old);
        }
        if let Some(visit) = self.visits.get_mut(&old.session_id) {
            visit.transactions.retain(|transaction| transaction != id);
        }
        self.drop_empty_visit(&old.session_id);
    }

    fn drop_correction(&mut self, id: &CorrectionId) {
        let Some(old) = self.corrections.remove(id) else { return };
        if let Some(totals) = &mut self.totals {
            totals.remove_correction(&old);
        }
        if let Some(ids) = self.corrections_of.get_mut(&old.transaction_id) {
            ids.retain(|correction| correction != id);
            if ids.is_empty() {
                self.corrections_of.remove(&old.transaction_id);
            }
        }
    }

    fn drop_empty_visit(&mut self, id: &SessionId) {
        let empty =
            |visit: &Visit| visit.session.is_none() && visit.segments.is_empty() && visit.transactions.is_empty();
        if self.visits.get(id).is_some_and(empty) {
            self.visits.remove(id);
        }
    }

    /// The settings.
    pub fn settings(&self) -> &SettingsRow {
        &self.settings
    }

    /// A product, removed ones too.
    pub fn product(&self, id: &ProductId) -> Option<&ProductRow> {
        self.products.get(id)
    }

    /// All products, removed ones too, by id.
    pub fn products(&self) -> impl Iterator<Item = &ProductRow> {
        self.products.values()
    }

    /// The products on sale, by name.
    pub fn products_on_sale(&self) -> Vec<&ProductRow> {
        let mut products: Vec<_> = self.products().filter(|product| !product.is_deleted).collect();
        products.sort_by(|a, b| (a.name.to_lowercase(), &a.id).cmp(&(b.name.to_lowercase(), &b.id)));
        products
    }

    /// The live visit of a band: there is at most one.
    pub fn live_session(&self, band: &BarcodeId) -> Option<&SessionRow> {
        self.live_by_band.get(band).and_then(|id| self.session(id))
    }

    /// The visits of a band, live or ended, in no order.
    pub fn visits_of_band(&self, band: &BarcodeId) -> impl Iterator<Item = &SessionRow> {
        let ids = self.visits_of_band.get(band).into_iter().flatten();
        ids.filter_map(|id| self.session(id))
    }

    /// A visit.
    pub fn session(&self, id: &SessionId) -> Option<&SessionRow> {
        self.visits.get(id).and_then(|visit| visit.session.as_ref())
    }

    /// All visits, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionRow> {
        self.visits.values().filter_map(|visit| visit.session.as_ref())
    }

    /// The live visits, in no order.
    pub fn live_sessions(&self) -> impl Iterator<Item = &SessionRow> {
        self.live_by_band.values().filter_map(|id| self.session(id))
    }

    /// Every live visit with credit left or playing, overdue ones included, oldest first.
    pub fn listed_sessions(&self) -> Vec<&SessionRow> {
        let mut listed: Vec<_> = self.live_sessions().filter(|session| session.is_listed()).collect();
        listed.sort_by_key(|session| (session.created_at, &session.id));
        listed
    }

    /// The segments of a visit, oldest first.
    pub fn segments_of(&self, session: &SessionId) -> impl Iterator<Item = &SegmentRow> {
        self.visits.get(session).into_iter().flat_map(|visit| visit.segments.values())
    }

    /// A segment of a visit.
    pub fn segment(&self, id: &SegmentId) -> Option<&SegmentRow> {
        let session = self.session_of_segment.get(id)?;
        self.segments_of(session).find(|segment| segment.id == *id)
    }

    /// The lines sold to a visit.
    pub fn transactions_of(&self, session: &SessionId) -> impl Iterator<Item = &TransactionRow> {
        let ids = self.visits.get(session).into_iter().flat_map(|visit| &visit.transactions);
        ids.filter_map(|id| self.transactions.get(id))
    }

    /// A line.
    pub fn transaction(&self, id: &TransactionId) -> Option<&TransactionRow> {
        self.transactions.get(id)
    }

    /// All lines, in no order.
    pub fn transactions(&self) -> impl Iterator<Item = &TransactionRow> {
        self.transactions.values()
    }

    /// The corrections of a line, in the order in which they came.
    pub fn corrections_of(&self, transaction: &TransactionId) -> impl Iterator<Item = &CorrectionRow> {
        let ids = self.corrections_of.get(transaction).into_iter().flatten();
        ids.filter_map(|id| self.corrections.get(id))
    }

    /// All corrections, in no order.
    pub fn corrections(&self) -> impl Iterator<Item = &CorrectionRow> {
        self.corrections.values()
    }

    /// An open entry of the attention list.
    pub fn attention_entry(&self, id: &AttentionId) -> Option<&AttentionRow> {
        self.attention.get(id)
    }

    /// The open entries of the attention list, by id.
    pub fn attention(&self) -> impl Iterator<Item = &AttentionRow> {
        self.attention.values()
    }

    /// A lent place.
    pub fn place(&self, id: &PlaceId) -> Option<&PlaceRow> {
        self.places.get(id)
    }

    /// All lent places, written-off ones too, by id.
    pub fn places(&self) -> impl Iterator<Item = &PlaceRow> {
        self.places.values()
    }

    /// Free places that are lent to desks and not used (`sync.md` rule 21).
    pub fn lent(&self) -> u32 {
        u32::try_from(self.places().filter(|place| !place.written_off).count()).unwrap_or(u32::MAX)
    }

    /// Occupancy: visits that play, overdue ones included (`domain.md` rule 6).
    pub fn playing(&self) -> u32 {
        self.playing
    }

    /// Says how many play in the whole venue, where this is a slice of it. Later changes count on.
    pub fn set_playing(&mut self, playing: u32) {
        self.playing = playing;
    }

    /// Whether anything was ever sold; in a slice, what [`Venue::set_sold`] said.
    pub fn sold(&self) -> bool {
        self.sold
    }

    /// Says whether anything was ever sold, where this is a slice.
    pub fn set_sold(&mut self, sold: bool) {
        self.sold = sold;
    }

    /// Every row, settings and products first.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let settings = std::iter::once(Row::Settings(self.settings.clone()));
        let products = self.products.values().cloned().map(Row::Product);
        let sessions = self.sessions().cloned().map(Row::Session);
        let segments = self.visits.values().flat_map(|visit| visit.segments.values()).cloned().map(Row::Segment);
        let transactions = self.transactions.values().cloned().map(Row::Transaction);
        let corrections = self.corrections.values().cloned().map(Row::Correction);
        let attention = self.attention.values().map(|row| Row::Attention(Box::new(row.clone())));
        let places = self.places.values().cloned().map(Row::Place);
        let visits = sessions.chain(segments).chain(transactions).chain(corrections);
        settings.chain(products).chain(visits).chain(attention).chain(places)
    }

    /// The row of that collection and id.
    pub fn row(&self, collection: Collection, id: &str) -> Option<Row> {
        match collection {
            Collection::Settings => (id == SETTINGS_ID).then(|| Row::Settings(self.settings.clone())),
            Collection::Products => self.product(&ProductId::from(id)).cloned().map(Row::Product),
            Collection::Sessions => self.session(&SessionId::from(id)).cloned().map(Row::Session),
            Collection::Segments => self.segment(&SegmentId::from(id)).cloned().map(Row::Segment),
            Collection::Transactions => self.transaction(&TransactionId::from(id)).cloned().map(Row::Transaction),
            Collection::Corrections => self.corrections.get(&CorrectionId::from(id)).cloned().map(Row::Correction),
            Collection::Attention => {
                self.attention.get(&AttentionId::from(id)).map(|row| Row::Attention(Box::new(row.clone())))
            }
            Collection::Places => self.place(&PlaceId::from(id)).cloned().map(Row::Place),
        }
    }

    /// Keeps the figures of the operational day of `now` up to date with each change from here on
    /// (`domain.md`, Figures); counts once when the day or the settings changed. Without this call
    /// [`Venue::dashboard_stats`] counts each time and says the same.
    pub fn keep_totals(&mut self, now: VenueTime) {
        let day = self.settings.day_rules().day_of(now);
        if self.totals.as_ref().is_none_or(|totals| totals.day != day) {
            self.totals = Some(DayTotals::count(self, day));
        }
    }

    /// The dashboard's figures at `now`.
    pub fn dashboard_stats(&self, now: VenueTime) -> DashboardStats {
        let day = self.settings.day_rules().day_of(now);
        match &self.totals {
            Some(totals) if totals.day == day => DashboardStats::of(self, totals),
            _ => DashboardStats::of(self, &DayTotals::count(self, day)),
        }
    }
}
