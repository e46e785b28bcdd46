//! How far a connection is with its requests, as far as its bytes and its calls tell.

/// A head ends with an empty line.
const HEAD_ENDS: [&[u8]; 2] = [b"\n\r\n", b"\n\n"];
/// The bytes that tell whether one just ended.
const TAIL: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A request's head has not come to its end.
    Head,
    /// Its body has not.
    Body,
    /// All of it is there, and it is being answered.
    Answering,
    /// Answered; nothing of the next one has come.
    Idle,
    /// A websocket.
    Upgraded,
}

/// The progress of one connection.
#[derive(Debug)]
pub(super) struct Progress {
    stage: Stage,
    /// What was read goes beyond the request that is being answered.
    ahead: bool,
    tail: [u8; TAIL],
    waits: bool,
    /// How often it began to wait.
    wait: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Head, ahead: false, tail: [0; TAIL], waits: false, wait: 0 }
    }

    /// Bytes came.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        match self.stage {
            _ if bytes.is_empty() => return,
            Stage::Upgraded => return,
            Stage::Idle => self.stage = Stage::Head,
            Stage::Answering => self.ahead = true,
            Stage::Head | Stage::Body => {}
        }
        let new = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.tail.rotate_left(new.len());
        self.tail[TAIL - new.len()..].copy_from_slice(new);
    }

    /// No more bytes are there, and the server wants some. Gives the number of the wait for the rest of a
    /// request that begins with it, if one does.
    pub(super) fn starve(&mut self) -> Option<u64> {
        if self.waits || !matches!(self.stage, Stage::Head | Stage::Body) {
            return None;
        }
        self.waits = true;
        self.wait += 1;
        Some(self.wait)
    }

    /// Whether the wait of that number goes on.
    pub(super) fn is_waiting(&self, wait: u64) -> bool {
        self.waits && self.wait == wait
    }

    /// A head is complete.
    pub(super) fn start(&mut self, has_body: bool) {
        if has_body {
            self.stage = Stage::Body;
        } else {
            (self.stage, self.waits) = (Stage::Answering, false);
            // More than this head may have come with it.
            self.ahead = true;
        }
    }

    /// The body is complete, or nobody wants the rest of it.
    pub(super) fn receive(&mut self) {
        if self.stage == Stage::Body {
            (self.stage, self.waits, self.ahead) = (Stage::Answering, false, false);
        }
    }

    /// The answer is on its way.
    pub(super) fn answer(&mut self) {
        self.receive();
        if self.stage == Stage::Answering {
            let begun = self.ahead && !HEAD_ENDS.iter().any(|end| self.tail.ends_with(end));
            self.stage = if begun { Stage::Head } else { Stage::Idle };
        }
    }

    /// It is a websocket from here on.
    pub(super) fn upgrade(&mut self) {
        (self.stage, self.waits) = (Stage::Upgraded, false);
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    fn answered(bytes: &[u8]) -> Progress {
        let mut progress = Progress::new();
        progress.read(bytes);
        progress.start(false);
        progress.answer();
        progress
    }

    #[test]
    fn a_connection_that_has_sent_nothing_or_half_a_head_waits_once() {
        let mut progress = Progress::new();
        assert_eq!((progress.starve(), progress.starve()), (Some(1), None));
        progress.read(b"GET");
        assert!(progress.starve().is_none() && progress.is_waiting(1), "it is the same wait");
        progress.start(false);
        assert!(!progress.is_waiting(1));
    }

    #[test]
    fn a_body_that_is_not_complete_waits_and_one_that_is_does_not() {
        let mut progress = Progress::new();
        progress.read(GET);
        progress.start(true);
        assert_eq!(progress.starve(), Some(1));
        progress.read(b"{}");
        progress.receive();
        assert_eq!((progress.is_waiting(1), progress.starve()), (false, None));
        progress.answer();
        assert_eq!(progress.starve(), None, "between two requests");
    }

    #[test]
    fn the_next_head_is_waited_for_once_it_begins() {
        let mut progress = answered(GET);
        assert_eq!(progress.starve(), None);
        progress.read(b"G");
        assert_eq!(progress.starve(), Some(1));
        progress.read(b"ET / HTTP/1.1\r\n\r");
        progress.read(b"\n");
        progress.start(false);
        progress.answer();
        assert_eq!(progress.starve(), None, "an end in two pieces is one");
    }

    #[test]
    fn half_a_head_that_came_with_the_request_before_it_counts() {
        let mut progress = answered(&[GET, b"GET / HT"].concat());
        assert_eq!(progress.starve(), Some(1));
        let mut progress = answered(GET);
        progress.read(GET);
        progress.start(false);
        progress.read(b"G");
        assert_eq!(progress.starve(), None, "while it is being answered it is not unfinished");
        progress.answer();
        assert_eq!(progress.starve(), Some(1));
    }

    #[test]
    fn a_websocket_never_waits() {
        let mut progress = Progress::new();
        progress.read(GET);
        progress.start(false);
        progress.upgrade();
        progress.answer();
        progress.read(b"frame");
        assert_eq!(progress.starve(), None);
    }
}
