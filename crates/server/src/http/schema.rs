//! The shapes of `contract.md` for the OpenAPI document. The domain writes the JSON; a test holds these
//! to it.
#![allow(dead_code, reason = "only their schemas are used")]

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident : $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name { $($field: $kind),* }
    )*};
}

shapes! {
    /// A refusal.
    ApiError { error: String, code: String, details: Value }
    /// One visit.
    PlayerSession {
        id: String, barcode_id: String, total_allowed_seconds: u64, accumulated_seconds: u64,
        last_start_at: Option<String>, is_active: bool, expires_at: Option<String>, created_at: String,
        updated_at: String, remaining_seconds: u64, remaining_minutes: u64, status: String,
        paused_at: Option<String>, overstay_seconds: u64,
    }
    /// A thing that is sold.
    Product {
        id: String, name: String, description: Option<String>, price: f64, category: String, required: bool,
        time_value_seconds: Option<u64>, is_deleted: bool, created_at: String, updated_at: String,
    }
    /// A product to make.
    NewProduct {
        name: String, description: Option<String>, price: f64, category: String, required: Option<bool>,
        time_value_seconds: Option<u64>,
    }
    /// Fields of a product to change.
    ProductChanges {
        name: Option<String>, description: Option<String>, price: Option<f64>, category: Option<String>,
        required: Option<bool>, time_value_seconds: Option<u64>,
    }
    /// One line of a sale.
    Transaction {
        id: String, player_session_id: String, product_id: String, quantity: u32, total_price: f64,
        original_quantity: u32, original_total_price: f64, created_at: String, status: String,
    }
    /// The band of a line.
    SoldTo { id: String, barcode_id: String }
    /// The product of a line as it was at the sale.
    SoldProduct { id: String, name: String, price: f64, category: String, time_value_seconds: Option<u64> }
    /// One line with the band and the product.
    TransactionWithRelations {
        id: String, player_session_id: String, product_id: String, quantity: u32, total_price: f64,
        original_quantity: u32, original_total_price: f64, created_at: String, status: String,
        player_session: SoldTo, product: SoldProduct,
    }
    /// What is to stand of a line: a quantity, or the status `refunded`.
    Correction { quantity: Option<u32>, status: Option<String>, reason: String }
    /// One band.
    Band { barcode_id: String }
    /// A product and how many of it.
    CheckinLine { id: String, quantity: u32 }
    /// A sale to a band.
    Checkin { barcode_id: String, products: Vec<CheckinLine> }
    /// What was sold.
    CheckinResult { player_session: PlayerSession, transactions: Vec<Transaction>, total_seconds_added: u64 }
    /// The venue's settings.
    SystemSettings {
        id: String, max_occupancy: u32, currency: String, currency_decimals: u32, timezone: String,
        operational_day_start: String, auto_release_seconds: u32, low_time_seconds: [u32; 2],
        capacity_policy: String, credit_valid_days: u32, required_products_enforced: bool, site_name: String,
        logo_url: Option<String>, created_at: String, updated_at: String,
    }
    /// Places.
    Capacity { max_occupancy: u32, current_occupancy: u32 }
    /// One of the best sold products.
    TopProduct {
        product_id: String, name: String, category: String, total_quantity: i64, total_revenue: f64,
    }
    /// The dashboard's figures.
    DashboardStats {
        today_revenue: f64, top_products: Vec<TopProduct>, waiting_count: u32, current_revenue: f64,
        active_players: u32, total_transactions: i64, max_occupancy: u32, current_occupancy: u32,
    }
    /// How the day goes.
    PerformanceMetrics {
        average_wait_time: u64, average_play_time: u64, total_completed_sessions: u64, daily_occupancy_rate: u64,
        total_play_time_consumed: u64, peak_occupancy: u64, average_session_duration: u64,
    }
    /// A product in a cart.
    CartLine { product_id: String, quantity: u32 }
    /// A cart in the making.
    Cart { barcode_id: String, cart: Vec<CartLine> }
    /// It was done.
    Success { success: bool }
    /// A code that a manager shows, and what the device is to be called; `deviceId`: the id that it has already.
    Pair { code: String, device_name: String, device_id: Option<String> }
    /// A device's token, which nobody can ask for again.
    Paired { token: String, device_id: String, role: String, venue_id: String }
    /// What the device is to be: `manager`, `operator`, `kiosk` or `display`.
    CodeFor { role: Option<String> }
    /// A pairing code: it counts once, and until then.
    PairingCode { code: String, role: String, expires_at: String }
    /// A device that was paired.
    Device {
        id: String, name: String, role: String, paired_at: String, last_seen_at: Option<String>,
        revoked_at: Option<String>, connected: bool,
    }
    /// How the server is.
    Health { status: String }
    /// The last event that a desk holds.
    LastEvent { epoch: String, seq: u64, event_id: String }
    /// A place in a log.
    Position { epoch: String, seq: u64 }
    /// A command with its envelope; its own fields stand beside these.
    Command {
        command_id: String, r#type: String, occurred_at: Option<String>, based_on: Option<Position>, shown: Option<Value>,
        staff_id: Option<String>, device_id: Option<String>, place_id: Option<String>, accepted_in: Option<String>,
        force: Option<Force>,
    }
    /// Why staff do it although the venue would say no.
    Force { reason: String }
    /// Commands, in order.
    CommandBatch { log: Option<LastEvent>, commands: Vec<Command> }
    /// The venue's "no".
    Rejection { code: String, message: String, details: Value }
    /// What became of a command: `accepted`, `rejected` or `retry`.
    CommandResult {
        command_id: String, outcome: String, seqs: Vec<u64>, result: Option<Value>, flags: Option<Vec<Value>>,
        rejection: Option<Rejection>,
    }
    /// What became of a command, when, and how many desks have applied it.
    CommandWay {
        command_id: String, outcome: String, seqs: Vec<u64>, result: Option<Value>, flags: Option<Vec<Value>>,
        rejection: Option<Rejection>, device_id: Option<String>, effective_at: String, stored_at: String,
        seen_by: Option<u64>,
    }
    /// What became of each.
    CommandResults { results: Vec<CommandResult> }
    /// The places that a desk may still fill, those that its plays spend, and which answer it has.
    LeaseCall { held: Vec<String>, spent: Vec<String>, turn: Option<String> }
    /// The places that it may fill from now on, and the name of this answer.
    Lease { places: Vec<String>, turn: String }
    /// A row as it stands after an event; null: gone from the sync set.
    Change { collection: String, id: String, row: Option<Value> }
    /// One event of the log.
    LoggedEvent {
        seq: u64, prev: u64, last: u64, id: String, name: String, payload: Value, changes: Vec<Change>,
        emitted_at: String, command_id: Option<String>,
    }
    /// Events after a position.
    EventsPage { epoch: String, head: u64, through: u64, events: Vec<LoggedEvent>, server_time: String }
}
