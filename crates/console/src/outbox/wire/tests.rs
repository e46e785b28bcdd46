use gangway_domain::ids::{Epoch, EventId, Position};

use super::*;

fn command(n: u128) -> Unanswered {
    Unanswered {
        id: CommandId(uuid::Uuid::from_u128(n)),
        order: 1,
        text: r#"{"type":"session.play","barcodeId":"B-1","price":12.50}"#.to_owned(),
        occurred_at: "2026-11-24T15:04:05.123Z".to_owned(),
        based_on: Position { epoch: Epoch::from("e"), seq: 7 },
        shown: Some(r#"{"p-1":{"id":"p-1"}}"#.to_owned()),
        place: None,
        accepted_in: None,
        force_reason: None,
    }
}

fn held(epoch: &str) -> Held {
    Held { position: Position { epoch: Epoch::from(epoch), seq: 9 }, event_id: Some(EventId::from("nine")) }
}

fn id(n: u128) -> String {
    command(n).id.to_string()
}

#[test]
fn a_command_is_sent_as_it_was_tapped_with_what_only_the_desk_knows() {
    let body = body(&mut vec![command(1)], Some(&held("e"))).expect("a body");
    let sent: Value = serde_json::from_str(&body).expect("JSON");
    let command = json!({
        "barcodeId": "B-1", "basedOn": { "epoch": "e", "seq": 7 }, "commandId": id(1),
        "occurredAt": "2026-11-24T15:04:05.123Z", "price": 12.5, "shown": { "p-1": { "id": "p-1" } },
        "type": "session.play",
    });
    let log = json!({ "epoch": "e", "eventId": "nine", "seq": 9 });
    assert_eq!(sent, json!({ "log": log, "commands": [command] }));
    assert!(body.contains("12.50"), "as it was tapped: {body}");
}

#[test]
fn answers_are_read_in_order_and_what_was_not_decided_is_left_out() {
    let batch = [command(1), command(2), command(3)];
    let results = vec![
        json!({ "commandId": id(1), "outcome": "accepted", "seqs": [8, 9], "result": { "a": 1 } }),
        json!({ "commandId": id(2), "outcome": "retry", "seqs": [] }),
        json!({ "outcome": "rejected", "rejection": { "code": "no_credit" } }),
    ];
    let answers = answers(&batch, results).expect("answers");
    let accepted = Outcome::Accepted { seqs: vec![8, 9], result: Some(json!({ "a": 1 })) };
    let rejected = Outcome::Rejected { rejection: json!({ "code": "no_credit" }) };
    assert_eq!(answers, [(batch[0].id, accepted), (batch[2].id, rejected)]);
}

#[test]
fn an_answer_that_does_not_fit_settles_nothing() {
    let accepted = |n: u128| json!({ "commandId": id(n), "outcome": "accepted", "seqs": [1] });
    for results in [
        vec![],
        vec![accepted(1), accepted(2)],
        vec![accepted(2)],
        vec![json!({ "commandId": id(1), "outcome": "perhaps" })],
        vec![json!({ "commandId": id(1) })],
        vec![json!("accepted")],
    ] {
        assert!(answers(&[command(1)], results.clone()).is_err(), "{results:?}");
    }
}
