//! What stands at a place in the relay's lists: a relay that came back from a backup gives the places that it has forgotten to other things, and
//! the numbers of its lists, which all unions share, soon say nothing of it.

use super::Sender;
use crate::gateway::relay::Relay;
use crate::store::gateway::marks::{List, Mark};
use crate::wire::client::ClientError;
use crate::wire::delivery::{Delivery, DeliveryEvent};
use crate::wire::page::{Cursor, PageQuery};

/// What stands at the place of a delivery.
pub(super) fn of_delivery(delivery: &Delivery) -> Mark {
    Mark { place: delivery.cursor.0, there: format!("{} {}", delivery.id, delivery.deposited_at) }
}

/// What stands at the place of a piece of news.
pub(super) fn of_event(event: &DeliveryEvent) -> Mark {
    let user = event.news.user().map(|user| format!(" {user}")).unwrap_or_default();
    Mark { place: event.cursor.0, there: format!("{} {} {}{user}", event.id, event.at, event.news.code()) }
}

impl<R: Relay> Sender<R> {
    /// Whether the relay has at our mark what stood there. Of nothing it has forgotten nothing.
    pub(super) async fn still_has(&self, list: List, mark: Option<&Mark>) -> Result<bool, ClientError> {
        let Some(mark) = mark else { return Ok(true) };
        let query = PageQuery { after: Some(Cursor(mark.place.saturating_sub(1))), limit: Some(1), wait: None };
        let relay = &self.receiver.relay;
        let there = match list {
            List::Deliveries => relay.deliveries(query).await?.items.first().map(of_delivery),
            List::News => relay.delivery_events(query).await?.items.first().map(of_event),
        };
        Ok(there.as_ref() == Some(mark))
    }
}
