//! Which alerts each address of staff was told of: what it knows otherwise than it is, is what there is to tell.

use std::collections::HashSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::alerts::{self, Alert};
use crate::store::sqlite::StoreError;

/// Only these addresses are told of alerts from now on. What any of them does not know of what fires already is noted for it as if it had
/// just fired: it is news to whoever is new, and to whom no mail could be sent.
pub async fn begin(connection: &mut SqliteConnection, addresses: &[&str]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM staff_alerts WHERE address NOT IN (");
    let mut list = query.separated(", ");
    for address in addresses {
        list.push_bind(*address);
    }
    query.push(")");
    query.build().execute(&mut *connection).await?;
    for address in addresses {
        sqlx::query(
            "INSERT INTO staff_notices (address, event, kind)
             SELECT $1, max(e.number), 'alert'
             FROM alerts a CROSS JOIN events e ON e.subject = a.code AND e.kind = 'alert.fired'
             WHERE a.fired_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM staff_alerts k WHERE k.address = $1 AND k.code = a.code)
             GROUP BY a.code ON CONFLICT DO NOTHING",
        )
        .bind(*address)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What an address is to be told: alerts that it does not know of, and codes of those that it knows and that are over. From now on it knows.
pub async fn tell(connection: &mut SqliteConnection, address: &str) -> Result<(Vec<Alert>, Vec<String>), StoreError> {
    let known: HashSet<String> = sqlx::query_scalar("SELECT code FROM staff_alerts WHERE address = $1")
        .bind(address)
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .collect();
    let (old, new): (Vec<_>, Vec<_>) =
        alerts::firing(&mut *connection).await?.into_iter().partition(|alert| known.contains(&alert.code));
    let mut over: Vec<_> = known.into_iter().filter(|code| !old.iter().any(|alert| alert.code == *code)).collect();
    over.sort();
    let codes: Vec<_> = new.iter().map(|alert| alert.code.as_str()).collect();
    knows(connection, address, &codes, &over).await?;
    Ok((new, over))
}

/// Writes down what an address knows now, and what it does not know any more.
pub async fn knows(
    connection: &mut SqliteConnection,
    address: &str,
    more: &[impl AsRef<str>],
    less: &[impl AsRef<str>],
) -> Result<(), StoreError> {
    let more = more
        .iter()
        .map(|code| ("INSERT INTO staff_alerts (address, code) VALUES ($1, $2) ON CONFLICT DO NOTHING", code.as_ref()));
    let less = less.iter().map(|code| ("DELETE FROM staff_alerts WHERE address = $1 AND code = $2", code.as_ref()));
    for (statement, code) in more.chain(less) {
        sqlx::query(statement).bind(address).bind(code).execute(&mut *connection).await?;
    }
    Ok(())
}
