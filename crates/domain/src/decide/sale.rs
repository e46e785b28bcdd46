//! Selling: sale, visit and credit together or not at all (`domain.md` rule 1).

use super::{Catalogue, Draft, Flag, play, reopen, stay};
use crate::{
    band::BarcodeId,
    command::{Line, SaleLine},
    event::{EventName, Subject},
    ids::{ProductId, SegmentId, SessionId, TransactionId, row_id},
    money::MinorUnits,
    rejection::Rejection,
    rows::{Change, ProductRow, Row, SessionRow, TransactionRow, TransactionStatus},
    time::{Millis, VenueTime},
};

pub(super) fn checkin(draft: &mut Draft, band: &BarcodeId, lines: &[Line]) -> Result<(), Rejection> {
    let lines: Vec<(usize, &Line)> = lines.iter().enumerate().collect();
    sell_to_band(draft, 0, band, &lines, None)
}

pub(super) fn sale(draft: &mut Draft, lines: &[SaleLine], payment: Option<&str>) -> Result<(), Rejection> {
    let mut bands: Vec<&BarcodeId> = Vec::new();
    for line in lines {
        if !bands.contains(&&line.barcode_id) {
            bands.push(&line.barcode_id);
        }
    }
    for (index, band) in bands.into_iter().enumerate() {
        let of_band = lines.iter().enumerate().filter(|(_, line)| line.barcode_id == *band);
        let of_band: Vec<(usize, &Line)> = of_band.map(|(index, line)| (index, &line.line)).collect();
        sell_to_band(draft, index, band, &of_band, payment)?;
    }
    Ok(())
}

/// Sells `lines` (with their index within the whole sale) to the `band_index`-th band of the sale.
fn sell_to_band(
    draft: &mut Draft,
    band_index: usize,
    band: &BarcodeId,
    lines: &[(usize, &Line)],
    payment: Option<&str>,
) -> Result<(), Rejection> {
    let now = draft.now();
    let found = reopen::standing(draft, band);
    let is_over = |session: &SessionRow| {
        let today = draft.venue.settings().day_rules().day_of(now);
        !session.is_listed() && session.created_at < today.start
    };
    let (over, current) = match found {
        Some(standing) if is_over(&standing.session) => (Some(standing), None),
        other => (None, other),
    };
    require_products(draft, current.as_ref().map(|standing| &standing.session), lines)?;
    let priced = price(draft, lines)?;
    if let Some(standing) = over {
        let session = standing.open(draft);
        play::end_session(draft, session);
    }
    let is_new = current.is_none();
    let current = current.map(|standing| standing.open(draft));
    let mut session = current.unwrap_or_else(|| {
        let id = SessionId(row_id(draft.context.command_id, "session", band_index));
        new_session(id, band.clone(), now)
    });
    let added_ms: Millis =
        priced.iter().map(|line| line.product.time_value_ms.unwrap_or(0) * Millis::from(line.quantity)).sum();
    let segment_id = SegmentId(row_id(draft.context.command_id, "segment", band_index));
    let segments = stay::add_credit(&mut session, added_ms, segment_id, now);
    stay::touch(&mut session, now);
    if added_ms > 0 {
        session.credit_at = now;
    }
    let rows = priced.iter().map(|line| line.row(draft, &session, payment)).collect();
    emit(draft, is_new, session, segments, rows);
    Ok(())
}

fn emit(draft: &mut Draft, is_new: bool, session: SessionRow, segments: Vec<Change>, rows: Vec<TransactionRow>) {
    let subject = Subject::Session(session.id.clone());
    let mut changes = vec![Change::put(Row::Session(session))];
    changes.extend(segments);
    if is_new {
        draft.event(EventName::SessionCreated, subject.clone(), std::mem::take(&mut changes));
    }
    for row in rows {
        let line = Subject::Transaction(row.id.clone());
        draft.event(EventName::TransactionCreated, line, vec![Change::put(Row::Transaction(row))]);
    }
    if !is_new {
        draft.event(EventName::SessionUpdated, subject, changes);
    }
}

/// A line with the product as it is priced.
struct PricedLine {
    index: usize,
    quantity: u32,
    product: ProductRow,
}

impl PricedLine {
    fn row(&self, draft: &Draft, session: &SessionRow, payment: Option<&str>) -> TransactionRow {
        let total = MinorUnits(self.product.price_minor.0 * i64::from(self.quantity));
        TransactionRow {
            id: TransactionId(row_id(draft.context.command_id, "transaction", self.index)),
            sale_id: draft.context.command_id,
            session_id: session.id.clone(),
            barcode_id: session.barcode_id.clone(),
            product_id: self.product.id.clone(),
            product_name: self.product.name.clone(),
            product_category: self.product.category.clone(),
            unit_price_minor: self.product.price_minor,
            unit_time_ms: self.product.time_value_ms,
            quantity: self.quantity,
            total_price_minor: total,
            original_quantity: self.quantity,
            original_total_price_minor: total,
            status: TransactionStatus::Completed,
            payment: payment.map(str::to_owned),
            created_at: draft.now(),
            device_id: draft.context.device_id.clone(),
            staff_id: draft.context.staff_id.clone(),
        }
    }
}

/// The lines with the products that the desk showed when it was tapped (`sync.md` rule 12).
fn price(draft: &mut Draft, lines: &[(usize, &Line)]) -> Result<Vec<PricedLine>, Rejection> {
    let mut priced = Vec::with_capacity(lines.len());
    for (index, line) in lines {
        let product = product_as_shown(draft, &line.product_id)?;
        priced.push(PricedLine { index: *index, quantity: line.quantity, product });
    }
    Ok(priced)
}

fn product_as_shown(draft: &mut Draft, id: &ProductId) -> Result<ProductRow, Rejection> {
    let unknown = || Rejection::UnknownProduct { product_id: id.0.clone() };
    let current = draft.venue.product(id);
    let shown = match &draft.context.catalogue {
        Catalogue::Now => current,
        // One that the desk had not seen yet was made by the desk itself since.
        Catalogue::AsOf(products) => products.get(id).and_then(Option::as_ref).or(current),
    };
    let product = shown.filter(|product| !product.is_deleted).cloned().ok_or_else(unknown)?;
    let flag = match current {
        Some(current) if current.is_deleted => Some(Flag::ProductRemoved { product_id: id.clone() }),
        Some(current)
            if (current.price_minor, current.time_value_ms) != (product.price_minor, product.time_value_ms) =>
        {
            Some(Flag::PriceChanged { product_id: id.clone() })
        }
        _ => None,
    };
    let flags = &mut draft.decision.flags;
    flags.extend(flag.filter(|flag| !flags.contains(flag)));
    Ok(product)
}

/// The venue may insist on its required products; a band that has one this visit has it.
fn require_products(draft: &Draft, session: Option<&SessionRow>, lines: &[(usize, &Line)]) -> Result<(), Rejection> {
    if !draft.venue.settings().required_products_enforced {
        return Ok(());
    }
    let has = |id: &ProductId| {
        let bought = session.into_iter().flat_map(|session| draft.venue.transactions_of(&session.id));
        lines.iter().any(|(_, line)| line.product_id == *id)
            || bought.into_iter().any(|row| row.product_id == *id && row.quantity > 0)
    };
    let missing = draft.venue.products_on_sale().into_iter().find(|product| product.required && !has(&product.id));
    missing.map_or(Ok(()), |product| {
        Err(Rejection::RequiredProductMissing { product_id: product.id.0.clone(), name: product.name.clone() })
    })
}

fn new_session(id: SessionId, barcode_id: BarcodeId, now: VenueTime) -> SessionRow {
    SessionRow {
        id,
        barcode_id,
        credit_ms: 0,
        played_ms: 0,
        overstay_ms: 0,
        open_segment: None,
        first_play_at: None,
        paused_at: None,
        created_at: now,
        credit_at: now,
        person_at: now,
        ended_at: None,
        updated_at: now,
    }
}
