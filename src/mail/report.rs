//! What mail servers say of a mail that they could not deliver (RFC 3464), sent to its sender's address.
//!
//! Anybody can send such a report: it counts only for a mail of ours whose unforeseeable id it names.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// What a report says of the mail that it is about. Ours go to one address each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What stands before the `@` in the mail's `Message-ID`: the id that we gave it.
    pub message_id: String,
    /// Whether it was given up. Otherwise it is late, or has been passed on.
    pub failed: bool,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: Option<String>,
}

impl Report {
    /// Reads a mail; none when it is no report, or does not say of which mail.
    pub fn read(mail: &[u8]) -> Option<Self> {
        let mail = MessageParser::default().parse(mail)?;
        let said =
            mail.parts.iter().find(|part| is_of(part, "message", &["delivery-status", "global-delivery-status"]))?;
        let said = String::from_utf8_lossy(said.contents()).replace("\r\n", "\n");
        let blocks: Vec<&str> = said.split("\n\n").filter(|block| !block.trim().is_empty()).collect();
        let envelope = blocks.first().and_then(|block| field(block, "original-envelope-id"));
        let message_id = mail.parts.iter().find_map(original).or(envelope)?;
        let failed = |block: &&&str| field(block, "action").is_some_and(|action| action.eq_ignore_ascii_case("failed"));
        let given_up = blocks.iter().find(failed);
        let status = given_up.or(blocks.last()).and_then(|block| field(block, "status"));
        Some(Self {
            message_id: message_id.trim_matches(['<', '>']).split('@').next().unwrap_or_default().to_owned(),
            failed: given_up.is_some(),
            status: status
                .filter(|status| status.len() < 16 && status.bytes().all(|b| b.is_ascii_digit() || b == b'.')),
        })
    }
}

/// The id of the mail that stands in a part of the report, whole or with its header only.
fn original(part: &MessagePart<'_>) -> Option<String> {
    let id = |mail: &Message<'_>| mail.message_id().map(str::to_owned);
    match &part.body {
        PartType::Message(mail) => id(mail),
        _ if is_of(part, "text", &["rfc822-headers"]) || is_of(part, "message", &["global-headers"]) => {
            id(&MessageParser::default().parse(part.contents())?)
        }
        _ => None,
    }
}

fn is_of(part: &MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    part.content_type().is_some_and(|found| {
        let subtype = found.subtype().unwrap_or_default();
        found.ctype().eq_ignore_ascii_case(kind) && subtypes.iter().any(|one| one.eq_ignore_ascii_case(subtype))
    })
}

/// A field of a block of lines like those of a header.
fn field(block: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    block.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn report(action: &str, original: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example.jp\r\nTo: noreply@example.jp\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry.\r\n\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example.jp\r\nArrival-Date: Sun, 22 Nov 2026 09:00:00 +0900\r\n\r\n\
             Final-Recipient: rfc822; hanako@example.jp\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 no such\r\n    user\r\n\r\n\
             --b\r\n{original}\r\n--b--\r\n"
        )
    }

    fn whole() -> String {
        format!("Content-Type: message/rfc822\r\n\r\nMessage-ID: <{ID}@example.jp>\r\nSubject: x\r\n\r\ntext\r\n")
    }

    #[test]
    fn a_mail_is_known_by_its_own_id() {
        let expected = Report { message_id: ID.to_owned(), failed: true, status: Some("5.1.1".to_owned()) };
        let header =
            format!("Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-Id: <{ID}@example.jp>\r\n");
        for original in [whole(), header] {
            assert_eq!(Report::read(report("failed", &original).as_bytes()), Some(expected.clone()), "{original}");
        }
        assert!(!Report::read(report("delayed", &whole()).as_bytes()).unwrap().failed);
        assert_eq!(Report::read(report("failed", "Content-Type: text/plain\r\n\r\nnothing").as_bytes()), None);
    }

    #[test]
    fn what_is_no_report_is_none() {
        for mail in
            ["", "no mail at all", "Subject: holiday\r\n\r\nI am away", "Content-Type: multipart/report\r\n\r\n"]
        {
            assert_eq!(Report::read(mail.as_bytes()), None, "{mail}");
        }
        let whole = report("failed", &whole());
        for end in 0..whole.len() {
            // Cut off anywhere it is read as what it is.
            let _ = Report::read(&whole.as_bytes()[..end]);
        }
    }
}
