//! A row of the table, and what it means.

use super::{Sealed, Sent};
use crate::domain::sequence::Link;
use crate::store::gateway::corrupt;
use crate::store::sqlite::{StoreError, moment};

pub(super) const COLUMNS: &str = "number, id, dispatch, addressee, office, user_id, state, code, alarm, created_at, \
     sequence, previous, signature_hash, digest, tag, sealed_size, signed_at, kept, deposited_at, expires_at, ended_at, \
     statement, told_at, tries, next_try, problem";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    number: i64,
    id: String,
    dispatch: i64,
    addressee: String,
    office: Option<String>,
    user_id: Option<String>,
    state: String,
    code: Option<String>,
    alarm: Option<String>,
    created_at: i64,
    sequence: Option<i64>,
    previous: Option<Vec<u8>>,
    signature_hash: Option<Vec<u8>>,
    digest: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
    sealed_size: Option<i64>,
    signed_at: Option<i64>,
    kept: bool,
    deposited_at: Option<i64>,
    expires_at: Option<i64>,
    ended_at: Option<i64>,
    statement: Option<Vec<u8>>,
    told_at: Option<i64>,
    tries: u32,
    next_try: i64,
    problem: Option<String>,
}

impl Row {
    pub(super) fn parse(self) -> Result<Sent, StoreError> {
        let (link, sealed) = (self.link()?, self.sealed()?);
        Ok(Sent {
            number: self.number,
            id: self.id.parse().map_err(corrupt("message id"))?,
            dispatch: self.dispatch,
            addressee: self.addressee.parse().map_err(corrupt("addressee"))?,
            office: self.office.map(|text| text.parse().map_err(corrupt("office"))).transpose()?,
            user: self.user_id.map(|text| text.parse().map_err(corrupt("user id"))).transpose()?,
            state: self.state.parse().map_err(corrupt("state of a sent message"))?,
            code: self.code,
            alarm: self.alarm,
            created_at: moment(self.created_at)?,
            link,
            sealed,
            kept: self.kept,
            deposited_at: self.deposited_at.map(moment).transpose()?,
            expires_at: self.expires_at.map(moment).transpose()?,
            ended_at: self.ended_at.map(moment).transpose()?,
            statement: self.statement,
            told_at: self.told_at.map(moment).transpose()?,
            tries: self.tries,
            next_try: moment(self.next_try)?,
            problem: self.problem,
        })
    }

    fn link(&self) -> Result<Option<Link>, StoreError> {
        let Some(sequence) = self.sequence else { return Ok(None) };
        let missing = StoreError::Corrupt("a number without its place in the chain");
        let (Some(previous), Some(hash)) = (self.previous.as_deref(), self.signature_hash.as_deref()) else {
            return Err(missing);
        };
        Ok(Some(Link {
            sequence: u64::try_from(sequence).map_err(corrupt("sequence"))?,
            previous: previous.try_into().map_err(corrupt("signature hash"))?,
            hash: hash.try_into().map_err(corrupt("signature hash"))?,
        }))
    }

    fn sealed(&self) -> Result<Option<Sealed>, StoreError> {
        let (Some(digest), Some(tag), Some(size), Some(signed_at)) =
            (self.digest.as_deref(), self.tag.as_deref(), self.sealed_size, self.signed_at)
        else {
            return Ok(None);
        };
        Ok(Some(Sealed {
            digest: digest.try_into().map_err(corrupt("digest"))?,
            tag: tag.try_into().map_err(corrupt("tag"))?,
            size: u64::try_from(size).map_err(corrupt("size"))?,
            signed_at: moment(signed_at)?,
        }))
    }
}
