//! What becomes of a message that the union sends: where it can stand, and what may follow on what.

use std::str::FromStr;

use super::verdict::UnknownCode;

/// Where a message to an employer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sending {
    /// It waits until a second person approves it.
    Held,
    /// It waits for its turn to be sealed.
    Released,
    /// It has its number in the stream, and its sealed bytes are in the outbox. The relay does not have all of them.
    Sealed,
    /// The relay has taken all of its bytes; the receipt that proves it has not come yet.
    Deposited,
    /// The relay has it, under its signature.
    Relayed,
    /// At least one recipient was given bytes of it: it cannot be taken back any more.
    Fetched,
    /// At least one recipient's app has verified it.
    Verified,
    /// At least one recipient has taken it (受付済).
    Accepted,
    /// At least one recipient has returned it (差戻し).
    Returned,
    /// Staff took it back, and the relay has not confirmed that yet.
    Recalling,
    /// It was taken back before anybody had fetched it.
    Recalled,
    /// Nobody fetched it in time.
    Expired,
    /// The union's own registry says that it must not be sent.
    Stopped,
    /// It cannot be sent: the relay refuses it for good, or its bytes are gone.
    Failed,
}

/// What the relay or a receipt tells of a message, in the order in which it happens to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The relay has it.
    Relayed,
    /// The first bytes were given out.
    Fetched,
    /// A recipient's receipt says `verified`.
    Verified,
    /// A recipient's receipt says `accepted`.
    Accepted,
    /// A recipient's receipt says `returned`.
    Returned,
}

/// Why a message does not go from where it stands to where it was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFromHere {
    /// Somebody has fetched it.
    #[error("somebody has fetched it")]
    Collected,
    /// It does not stand where this begins.
    #[error("it is {}", .0.code())]
    State(Sending),
}

impl Sending {
    /// Every one there is.
    pub const ALL: [Self; 14] = [
        Self::Held,
        Self::Released,
        Self::Sealed,
        Self::Deposited,
        Self::Relayed,
        Self::Fetched,
        Self::Verified,
        Self::Accepted,
        Self::Returned,
        Self::Recalling,
        Self::Recalled,
        Self::Expired,
        Self::Stopped,
        Self::Failed,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Held => "waits-for-approval",
            Self::Released => "released",
            Self::Sealed => "sealed",
            Self::Deposited => "deposited",
            Self::Relayed => "relayed",
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
            Self::Recalling => "recalling",
            Self::Recalled => "recalled",
            Self::Expired => "expired",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more is done for it on our side.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Accepted | Self::Returned | Self::Recalled | Self::Expired | Self::Stopped | Self::Failed)
    }

    /// Whether it ended without having reached anybody.
    pub const fn reached_nobody(self) -> bool {
        matches!(self, Self::Recalled | Self::Expired | Self::Stopped | Self::Failed)
    }

    /// Whether it waits on our side: the relay does not have it, and is to.
    pub const fn is_to_be_sent(self) -> bool {
        matches!(self, Self::Released | Self::Sealed)
    }

    /// A second person approves.
    pub fn approve(self) -> Result<Self, NotFromHere> {
        if self == Self::Held { Ok(Self::Released) } else { Err(NotFromHere::State(self)) }
    }

    /// It was sealed, and has its number.
    pub fn number(self) -> Result<Self, NotFromHere> {
        if self == Self::Released { Ok(Self::Sealed) } else { Err(NotFromHere::State(self)) }
    }

    /// The relay says that it has all of its bytes.
    pub fn deposit(self) -> Result<Self, NotFromHere> {
        if self == Self::Sealed { Ok(Self::Deposited) } else { Err(NotFromHere::State(self)) }
    }

    /// The relay does not know it any more, and nobody had it from there: it is deposited again.
    pub fn lose(self) -> Result<Self, NotFromHere> {
        match self {
            Self::Deposited | Self::Relayed => Ok(Self::Sealed),
            other => Err(NotFromHere::State(other)),
        }
    }

    /// Something is heard of it. News come late and twice, and of several recipients: only what goes further counts, and
    /// whatever reached nobody stays so.
    #[must_use]
    pub fn hear(self, news: Progress) -> Self {
        let to = match news {
            Progress::Relayed => Self::Relayed,
            Progress::Fetched => Self::Fetched,
            Progress::Verified => Self::Verified,
            Progress::Accepted => Self::Accepted,
            Progress::Returned => Self::Returned,
        };
        match self {
            Self::Sealed
            | Self::Deposited
            | Self::Relayed
            | Self::Fetched
            | Self::Verified
            | Self::Accepted
            | Self::Returned => self.max(to),
            // It was fetched before the relay heard that it is taken back.
            Self::Recalling if news != Progress::Relayed => to,
            other => other,
        }
    }

    /// Staff take it back. What has no number simply ends; for a number the relay has to be told.
    pub fn recall(self) -> Result<Self, NotFromHere> {
        match self {
            Self::Held | Self::Released => Ok(Self::Recalled),
            Self::Sealed | Self::Deposited | Self::Relayed => Ok(Self::Recalling),
            Self::Fetched | Self::Verified | Self::Accepted | Self::Returned => Err(NotFromHere::Collected),
            Self::Recalling | Self::Recalled | Self::Expired | Self::Stopped | Self::Failed => {
                Err(NotFromHere::State(self))
            }
        }
    }

    /// The relay has confirmed that nobody gets it.
    pub fn withdrawn(self) -> Result<Self, NotFromHere> {
        match self {
            Self::Recalling => Ok(Self::Recalled),
            other => Err(NotFromHere::State(other)),
        }
    }

    /// The relay refuses to take it back: somebody was faster.
    pub fn collected(self) -> Result<Self, NotFromHere> {
        match self {
            Self::Recalling => Ok(Self::Fetched),
            other => Err(NotFromHere::State(other)),
        }
    }

    /// Its time at the relay is over, and nobody has fetched it.
    pub fn expire(self) -> Result<Self, NotFromHere> {
        match self {
            Self::Sealed | Self::Deposited | Self::Relayed | Self::Recalling => Ok(Self::Expired),
            other => Err(NotFromHere::State(other)),
        }
    }

    /// There is nobody any more whom it may go to.
    pub fn stop(self) -> Result<Self, NotFromHere> {
        self.give_up(Self::Stopped)
    }

    /// It cannot be sent.
    pub fn fail(self) -> Result<Self, NotFromHere> {
        self.give_up(Self::Failed)
    }

    fn give_up(self, to: Self) -> Result<Self, NotFromHere> {
        match self {
            Self::Held | Self::Released | Self::Sealed | Self::Deposited | Self::Relayed => Ok(to),
            other => Err(NotFromHere::State(other)),
        }
    }
}

impl FromStr for Sending {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.into_iter().find(|known| known.code() == text).ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for state in Sending::ALL {
            assert_eq!(state.code().parse(), Ok(state));
        }
        assert!("done".parse::<Sending>().is_err());
    }

    #[test]
    fn nothing_leaves_an_end_that_reached_nobody() {
        for state in Sending::ALL.into_iter().filter(|state| state.reached_nobody()) {
            for news in [Progress::Relayed, Progress::Fetched, Progress::Verified, Progress::Returned] {
                assert_eq!(state.hear(news), state);
            }
            let steps = [state.approve(), state.number(), state.recall(), state.expire(), state.stop(), state.fail()];
            assert!(steps.iter().all(Result::is_err), "{state:?}");
        }
    }

    #[test]
    fn news_go_forward_only_and_a_fetched_message_is_not_taken_back() {
        let fetched = Sending::Sealed.hear(Progress::Fetched);
        assert_eq!(fetched.hear(Progress::Relayed), Sending::Fetched);
        assert_eq!(fetched.recall(), Err(NotFromHere::Collected));
        let recalling = Sending::Relayed.recall().unwrap();
        assert_eq!(recalling.hear(Progress::Relayed), Sending::Recalling);
        assert_eq!(recalling.hear(Progress::Fetched), Sending::Fetched);
        assert_eq!(recalling.withdrawn(), Ok(Sending::Recalled));
        assert_eq!(recalling.collected(), Ok(Sending::Fetched));
        assert_eq!(Sending::Accepted.hear(Progress::Returned), Sending::Returned);
        assert_eq!(Sending::Returned.hear(Progress::Accepted), Sending::Returned);
    }

    #[test]
    fn only_what_is_approved_is_numbered() {
        assert_eq!(Sending::Held.number(), Err(NotFromHere::State(Sending::Held)));
        assert_eq!(Sending::Held.approve().and_then(Sending::number), Ok(Sending::Sealed));
        assert_eq!(Sending::Held.recall(), Ok(Sending::Recalled));
        assert_eq!(Sending::Fetched.stop(), Err(NotFromHere::State(Sending::Fetched)));
    }
}
