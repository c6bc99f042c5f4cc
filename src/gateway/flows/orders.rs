//! Orders to the relay: what staff decided or was answered, repeated until the relay confirms it.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::delivery::{OrderError, deliver, is_void, left_over, publish};
use crate::domain::ids::UserId;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::orders::{self, Order, OrderKind, Which};
use crate::store::gateway::{entrance, set_entrance};
use crate::store::sqlite::StoreError;
use crate::wire::union::{Entrance, OrderNumber};

/// Between two looks at orders that are open. A disabling is never put off for longer.
pub const PERIOD: SignedDuration = SignedDuration::from_secs(2);
/// Orders that are sent before it is looked whether somebody was disabled meanwhile.
const AT_ONCE: u32 = 32;

/// Publishes the union's certificates at the relay, and remembers how employers reach it. Answers a stable code on failure.
pub async fn announce<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    let announced = async {
        let hello = receiver.relay.handshake().await?;
        remember(receiver, &hello.entrance).await?;
        publish(receiver).await
    };
    announced.await.map_err(|error| {
        tracing::warn!(code = "certificates.unpublished", error = &error as &dyn std::error::Error, "not published");
        error.code()
    })
}

/// Keeps what the relay said of how employers reach it: it goes into kits.
pub async fn remember<R: Relay>(receiver: &Receiver<R>, said: &Entrance) -> Result<(), StoreError> {
    if entrance(receiver.database.read()).await?.as_ref() == Some(said) {
        return Ok(());
    }
    let mut transaction = receiver.database.write().await?;
    set_entrance(&mut transaction, said).await?;
    receiver.database.commit(transaction).await
}

/// Sends every order that is due, disablings first, otherwise the oldest first. An order that fails holds back the later
/// ones for the same user only; when the line is cut, the rest waits for the next look.
pub async fn send_due<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    send(receiver, Which::All).await.map(|_| ())
}

/// Sends the orders about one user that are due.
pub async fn send_about<R: Relay>(receiver: &Receiver<R>, user: &UserId) -> Result<(), &'static str> {
    send(receiver, Which::Of(user)).await.map(|_| ())
}

/// Sends the disablings that are due, whatever is known of the relay: they wait for nothing. That one is confirmed shows
/// that the relay is there.
pub async fn send_disablings<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    if send(receiver, Which::Disablings).await? > 0 {
        receiver.breaker.succeeded();
    }
    Ok(())
}

/// Answers how many were confirmed.
async fn send<R: Relay>(receiver: &Receiver<R>, which: Which<'_>) -> Result<u32, &'static str> {
    let now = receiver.clock.now();
    if receiver.breaker.line_is_back() {
        hasten(receiver, now).await.map_err(|_| "database")?;
    }
    let horizon = receiver.backoff.horizon(now);
    let (mut confirmed, mut failed, mut tried) = (0, None, HashSet::new());
    loop {
        let mut due =
            orders::due(receiver.database.read(), which, now, horizon, AT_ONCE).await.map_err(|_| "database")?;
        // Each once, whatever the clock does meanwhile.
        due.retain(|order| tried.insert(order.number));
        if due.is_empty() {
            if confirmed > 0 {
                // Payloads were wiped.
                receiver.database.fold().await;
            }
            return failed.map_or(Ok(confirmed), Err);
        }
        for mut order in due {
            let Err(error) = send_one(receiver, &mut order).await else {
                confirmed += 1;
                continue;
            };
            tried.insert(order.number);
            tracing::warn!(
                code = "order.unconfirmed",
                order = order.number,
                kind = order.kind.code(),
                error = &error as &dyn std::error::Error,
                "the relay has not confirmed an order"
            );
            failed = Some(error.code());
            put_off(receiver, &order, error.code()).await.map_err(|_| "database")?;
            if relay::is_cut(error.code()) {
                receiver.breaker.line_is_cut();
                return Err(error.code());
            }
        }
    }
}

/// What was put off because the line was cut is due.
async fn hasten<R: Relay>(receiver: &Receiver<R>, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = receiver.database.write().await?;
    orders::hasten(&mut transaction, &relay::cuts().collect::<Vec<_>>(), now).await?;
    receiver.database.commit(transaction).await
}

/// Sends one order. The relay may have later numbers than we know of: then this gateway came back from a backup, and the
/// order goes on behind them.
async fn send_one<R: Relay>(receiver: &Receiver<R>, order: &mut Order) -> Result<(), OrderError> {
    let mut answer = deliver(receiver, order).await;
    if let Some(by) = answer.as_ref().err().and_then(|error| error.overtaken_by(order)) {
        if !go_on_behind(receiver, order, by).await? {
            return Ok(());
        }
        answer = deliver(receiver, order).await;
    }
    let (at, next) = match answer {
        Ok(at) => (at, None),
        Err(error) if is_void(order.kind, &error) => {
            tracing::info!(
                code = "order.void",
                order = order.number,
                kind = order.kind.code(),
                answer = error.code(),
                "the relay has nothing to do this to any more"
            );
            (receiver.clock.now(), left_over(receiver, order).await?)
        }
        Err(error) => return Err(error),
    };
    let mut transaction = receiver.database.write().await?;
    match order.kind {
        OrderKind::Certificates => orders::confirm_certificates(&mut transaction, order.number, at).await?,
        _ => orders::confirm(&mut transaction, order.number, at).await?,
    }
    orders::insert(&mut transaction, next.as_slice(), receiver.clock.now()).await?;
    Ok(receiver.database.commit(transaction).await?)
}

/// Gives an order that was overtaken, and the later ones about the same user, numbers behind those that the relay knows.
/// Answers whether it is to be sent still: not when somebody else has sent it meanwhile, or a disabling has made it void.
async fn go_on_behind<R: Relay>(
    receiver: &Receiver<R>,
    order: &mut Order,
    by: OrderNumber,
) -> Result<bool, OrderError> {
    let now = receiver.clock.now();
    let mut transaction = receiver.database.write().await?;
    let Some(number) = orders::renumber(&mut transaction, order, by).await? else { return Ok(false) };
    let entry = Entry {
        at: now,
        actor: "gateway".to_owned(),
        action: "order.renumbered",
        subject: order.user.as_ref().map_or_else(String::new, ToString::to_string),
        before: order.number.to_string(),
        after: number.to_string(),
    };
    audit::insert(&mut transaction, &[entry]).await?;
    receiver.database.commit(transaction).await?;
    tracing::warn!(
        code = "order.numbers-behind",
        order = order.number,
        by = by.0,
        number,
        "the relay knows later orders than this database: it came back from a backup"
    );
    order.number = number;
    Ok(true)
}

async fn put_off<R: Relay>(receiver: &Receiver<R>, order: &Order, problem: &str) -> Result<(), StoreError> {
    let pause = receiver.backoff.pause(order.tries + 1, receiver.random.as_ref());
    let pause = if order.kind == OrderKind::Disable { pause.min(PERIOD) } else { pause };
    let now = receiver.clock.now();
    let mut transaction = receiver.database.write().await?;
    orders::put_off(&mut transaction, order.number, now.saturating_add(pause).unwrap_or(now), problem).await?;
    receiver.database.commit(transaction).await
}
