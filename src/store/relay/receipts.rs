//! The unions' receipts. The relay keeps them for the senders and looks no further into them than it must.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::corrupt;
use crate::domain::digest::Sha256;
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::store::sqlite::{StoreError, groups, micros};

/// A receipt to keep.
#[derive(Debug, Clone)]
pub struct NewReceipt {
    /// About which message.
    pub id: MessageId,
    /// SHA-256 over the DER: kept once, however often it comes.
    pub hash: Sha256,
    /// The signed receipt.
    pub der: Vec<u8>,
}

/// Keeps receipts about parcels of this union that exist. Answers which of them are new, by their hashes.
pub async fn insert(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    receipts: &[NewReceipt],
    now: Timestamp,
) -> Result<HashSet<Sha256>, StoreError> {
    let mut new = HashSet::with_capacity(receipts.len());
    for group in groups(receipts) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO receipts (insurer, message_id, hash, der, received_at) ");
        query.push_values(group, |mut row, receipt| {
            row.push_bind(insurer.as_str())
                .push_bind(receipt.id.to_string())
                .push_bind(receipt.hash.as_bytes().as_slice())
                .push_bind(receipt.der.as_slice())
                .push_bind(micros(now));
        });
        query.push(" ON CONFLICT (insurer, message_id, hash) DO NOTHING RETURNING hash");
        let hashes: Vec<Vec<u8>> = query.build_query_scalar().fetch_all(&mut *connection).await?;
        for hash in hashes {
            new.insert(Sha256(hash.try_into().map_err(|_| StoreError::Corrupt("hash of a receipt"))?));
        }
    }
    Ok(new)
}

/// The receipts about these messages, each list in the order of their coming.
pub async fn of(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Vec<Vec<u8>>>, StoreError> {
    let mut found: HashMap<MessageId, Vec<Vec<u8>>> = HashMap::new();
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT message_id, der FROM receipts WHERE insurer = ");
        query.push_bind(insurer.as_str()).push(" AND message_id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.to_string());
        }
        query.push(") ORDER BY seq");
        let rows: Vec<(String, Vec<u8>)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (id, der) in rows {
            found.entry(id.parse().map_err(corrupt("message id"))?).or_default().push(der);
        }
    }
    Ok(found)
}
