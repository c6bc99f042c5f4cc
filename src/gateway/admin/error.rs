//! Why something that staff ask for is not done.

use std::{fmt, io};

use jiff::Timestamp;
use serde::Serialize;

use crate::config::Faults;
use crate::domain::file_name::RefusedFileName;
use crate::domain::ids::MessageId;
use crate::domain::schedule::{InvalidBlackout, Never};
use crate::domain::verdict::Reason;
use crate::gateway::flows::enrol::StaffError;
use crate::gateway::flows::revocation::RevocationError;
use crate::gateway::flows::send::SendError;
use crate::gateway::scan::Unscanned;
use crate::gateway::view;
use crate::message::error::OpenError;
use crate::message::receipt::MAX_REASON;
use crate::pki::PkiError;
use crate::secret::WeakStaffPassword;
use crate::store::sqlite::StoreError;

/// Lines of a file that are named at most.
const SHOWN: usize = 1_000;
/// Letters of the longest reason or name in a schedule.
pub(super) const MAX_WORDS: usize = 200;
/// Things that can be expected: for each, every office is looked at once a minute.
pub(super) const MAX_EXPECTATIONS: usize = 50;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Environment or us: the database.
    #[error("データベースを読み書きできません (the database cannot be read or written)")]
    Store(#[source] StoreError),
    /// Input: nothing of that name is registered.
    #[error("{called}が見つかりません (there is no such {what})", called = called(.0), what = .0)]
    Missing(&'static str),
    /// Input: it is registered already.
    #[error("この{called}は登録済みです (this {what} exists already)", called = called(.0), what = .0)]
    Exists(&'static str),
    /// Input: no such message.
    #[error("ファイルがありません: {0} (there is no such message)")]
    NoMessage(MessageId),
    /// Input: the message is in quarantine.
    #[error("隔離中のファイルは取り出せません: {0} (the message is in quarantine and cannot be taken out)")]
    Quarantined(MessageId),
    /// Input: the message is not in the state that this begins from.
    #[error("ファイルの状態は {state} です。この操作はできません (the message is {state}: this cannot be done)")]
    State {
        /// Its state.
        state: &'static str,
    },
    /// Input: a token's name that cannot stand in the audit.
    #[error(
        "トークン名は英小文字・数字・ハイフン・ピリオド・下線で1~64文字にしてください (the token's name must be 1 to 64 lower-case letters, digits, \
         '-', '.' or '_')"
    )]
    TokenName,
    /// Input: a token that ends before it begins.
    #[error("トークンの期限が過去です: {} (the token would have ended already)", view::jst(*.0))]
    TokenExpired(Timestamp),
    /// Input: a password of staff that is too easy.
    #[error(transparent)]
    StaffPassword(#[from] WeakStaffPassword),
    /// Input: nobody would be left to look after accounts.
    #[error(
        "ログインできる最後の責任者です。先に別の責任者を追加し、その人が初回のログイン（パスワードと二要素認証の設定）を済ませてください (this \
         is the last officer who can sign in: first add another one, who signs in once)"
    )]
    LastOfficer,
    /// Input: another password for an account that is shut would open nothing.
    #[error(
        "この職員のアカウントは無効です。先に有効に戻してください (the account is disabled, and a password opens nothing: enable it first)"
    )]
    AccountDisabled,
    /// Input: only what is shut can be opened.
    #[error("この職員のアカウントは有効です (the account is enabled already)")]
    AccountEnabled,
    /// Input: the second person is missing or the first one again.
    #[error("承認者には、操作者とは別の人の名前を指定してください (--approver must name a second person)")]
    Approver,
    /// Input: what was asked for is settled, or its time is over.
    #[error("この依頼は処理済みか、期限が過ぎています (this request is settled, or its time is over)")]
    Settled,
    /// Input: the same person cannot ask and agree.
    #[error(
        "依頼した本人は承認できません。別の職員が承認してください (whoever asks cannot agree: it takes a second person)"
    )]
    SamePerson,
    /// Input: one of the two persons has lately made the account of the other, or can sign in with it.
    #[error(
        "この依頼は承認できません。直近7日間に、依頼した人とあなたの一方が他方のアカウントの追加・パスワードの再発行・二要素認証の解除・役割の変更を行っています。別の職員が承認して\
         ください (within the last seven days one of you two has added the account of the other, or changed its password, second factor or role: it takes \
         somebody else)"
    )]
    NotApart,
    /// Input: the role does not do that.
    #[error("この役割では行えません (the role does not do that)")]
    Duty,
    /// Input: a reason that nobody can set aside.
    #[error(
        "この理由で隔離されたファイルは解除できません: {code} {}。送信者に再送を依頼してください (quarantined for {code}: \
         {}; it can never be released, ask the sender to send it again)",
        .0.japanese(), .0.english(), code = .0.code()
    )]
    Unreleasable(Reason),
    /// Environment: what is to be released cannot be scanned now.
    #[error(
        "マルウェア検査ができないため、解除できません ({code})。検査できるようになってから、もう一度実行してください (nothing is released that cannot \
         be scanned: try again when the scanner works)",
        code = .0.code()
    )]
    Unscanned(#[from] Unscanned),
    /// Input: a certificate that is not fit for what it is to be registered for.
    #[error("電子証明書を登録できません: {0} (the certificate cannot be registered)")]
    Certificate(&'static str),
    /// Configuration: there is no CA key here.
    #[error("この組合の認証局の鍵が設定されていません (keys.ca_key is not set: certificates cannot be issued here)")]
    NoAuthority,
    /// Us or input: a certificate cannot be issued.
    #[error("電子証明書を発行できません (the certificate cannot be issued)")]
    Pki(#[from] PkiError),
    /// Input: not a certificate of the union itself.
    #[error(
        "この組合自身の証明書ではありません。利用者の証明書は user disable または user reset-pin で失効させてください (not a \
         certificate of the union itself; a user's are revoked with user disable or user reset-pin)"
    )]
    NotOwn,
    /// Input: a certificate of the union that is on the list.
    #[error("すでに失効しています (it is revoked already)")]
    RevokedBefore,
    /// Input: a certificate that has no successor yet.
    #[error(
        "使用中の証明書です。先に新しいものを設定ファイルの先頭に加え、読み込ませてください。それでも失効させるには --in-use を\
         指定してください。後継が入るまで、事業所は送信できません (this one is in use: put its successor before it in the \
         settings and have the gateway read them again. With --in-use it is revoked all the same, and employers cannot send \
         until there is a successor)"
    )]
    InUse,
    /// Input: the user is disabled.
    #[error(
        "利用者は無効です。先に user enable で有効に戻してください (the user is disabled: enable the user first with user enable)"
    )]
    Disabled,
    /// Input: there is no name and mail address for a letter.
    #[error(
        "利用者名とメールアドレスが登録されていません (no name and mail address are registered for this user, who has \
         certificates of another authority)"
    )]
    NoContact,
    /// Input: the passwords of a letter exist nowhere any more.
    #[error(
        "「お知らせ」は作成済みです。再作成するには --new-passwords を指定してください。前のものは使えなくなります (a letter was made \
         already and cannot be printed again: make new passwords with --new-passwords, which ends the old ones)"
    )]
    LetterExists,
    /// Environment: the enrolment is made, and its letter could not take its place. It waits under a hidden name beside it.
    #[error(
        "「お知らせ」を保存できませんでした。作成済みですので、同じフォルダーを指定してもう一度実行してください (the letter is made and could not \
         be put in its place: run the command again with the same folder)"
    )]
    LetterUnplaced(#[source] io::Error),
    /// Input: nothing would be suspect that came before that time.
    #[error("紛失・盗難の日時が未来です: {} (the time of the loss is in the future)", shown(.0))]
    LostLater(Timestamp),
    /// Configuration: the letter would not say whose it is.
    #[error(
        "設定ファイルの [letter] に union_name (健康保険組合名) と contact (お問い合わせ先) を指定してください (letter.union_name and \
         letter.contact are not set: the letter would not say whose it is and whom to call)"
    )]
    LetterSettings,
    /// Input: one code has one name.
    #[error("この事業所記号には別の名称が登録されています (this office has another name)")]
    OfficeName,
    /// Input: no letter is out.
    #[error(
        "登録手続き中ではありません。user letter を実行してください (no enrolment is open: make one with user letter)"
    )]
    NoEnrolment,
    /// Environment: the relay has never said how employers reach it.
    #[error(
        "KXサーバーに接続できず、事業所側の接続先がまだ分かりません (the KX server has never been reached, so it is not known \
         yet how employers reach it): {0}"
    )]
    Entrance(&'static str),
    /// Input: nothing can be decided about a PC.
    #[error(transparent)]
    Review(#[from] StaffError),
    /// Us or environment: the revocation list.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// Input: lines of a file that is to be imported.
    #[error(transparent)]
    Import(#[from] Refused),
    /// Us: a page cannot be written.
    #[error("文書を作成できません (the document cannot be made)")]
    Page(#[from] askama::Error),
    /// Environment or attack: what is in the archive does not open or verify any more.
    #[error("保管されたファイルの検証に失敗しました: {0} (the archived file does not verify any more: {0})")]
    Damaged(Reason),
    /// What is sent to employers.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Input: nobody is called so.
    #[error("宛先がありません: {0} (there is no such user, office or group)")]
    Addressee(String),
    /// Input: several are called so.
    #[error(
        "宛先が一つに決まりません: {0}。user:、office:、group: のいずれかを付けてください (this means more than one: write user:, office: or \
             group: before it)"
    )]
    AmbiguousAddressee(String),
    /// Input: a name of a group that is none.
    #[error(
        "グループの名前は64文字以内で、「:」を含まないものにしてください (the name of a group has at most 64 characters and no colon)"
    )]
    GroupName,
    /// Input: a name that no receiver would take.
    #[error("このファイル名は使えません (the file name is refused)")]
    FileName(#[from] RefusedFileName),
    /// Input: a folder, a device, a pipe.
    #[error("ファイルではありません (it is not an ordinary file)")]
    NotAFile,
    /// Input: somebody writes to the file.
    #[error(
        "読み取り中にファイルが変わりました。もう一度実行してください (the file has changed while it was read: run the command again)"
    )]
    Changed,
    /// Input: a reason that is too long for the sender's eyes.
    #[error("理由は{MAX_REASON}文字以内にしてください (the reason must have at most {MAX_REASON} characters)")]
    Reason,
    /// Us: a receipt cannot be signed.
    #[error("受領通知に署名できません (the receipt cannot be signed)")]
    Receipt,
    /// Environment: a file.
    #[error("ファイルを読み書きできません (a file cannot be read or written)")]
    File(#[from] io::Error),
    /// Configuration.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// Input: a schedule that cannot be.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Input: more than can be looked after.
    #[error("提出予定は{MAX_EXPECTATIONS}件までです (at most {MAX_EXPECTATIONS} things can be expected)")]
    TooManyExpectations,
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::Missing(what),
            StoreError::Exists(what) => Self::Exists(what),
            other => Self::Store(other),
        }
    }
}

fn shown(at: &Timestamp) -> String {
    view::jst(*at)
}

/// What staff call a thing that is registered.
fn called(what: &str) -> &str {
    match what {
        "user" => "利用者",
        "office" => "事業所",
        "certificate" => "電子証明書",
        "pause" => "停止",
        "holiday" => "休日",
        "blackout" => "受信しない時間",
        "year" => "年",
        "staff" => "職員",
        "consent" => "承認の依頼",
        "expectation" => "提出予定",
        "period" => "期間",
        "group" => "グループ",
        "token" => "トークン",
        other => other,
    }
}

impl From<OpenError> for AdminError {
    fn from(error: OpenError) -> Self {
        error.into_reason().map_or_else(Self::File, Self::Damaged)
    }
}

/// What is wrong with one line. Says the column and never what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// The line in the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

/// Nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// Every line that is wrong, in their order.
    pub lines: Vec<BadLine>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.lines.len();
        write!(
            f,
            "取り込みませんでした。次の {count} か所を直してください (nothing was imported; put {count} places right)"
        )?;
        for bad in self.lines.iter().take(SHOWN) {
            write!(f, "\n  {}行目 (line {}): {}", bad.line, bad.line, bad.problem)?;
        }
        if count > SHOWN { write!(f, "\n  …") } else { Ok(()) }
    }
}

impl Refused {
    pub(super) fn one(line: u64, problem: impl fmt::Display) -> Self {
        Self { lines: vec![BadLine { line, problem: problem.to_string() }] }
    }
}

/// Why a schedule is not changed. Input, all of it.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A plan that would never run.
    #[error(transparent)]
    Never(#[from] Never),
    /// A window that is none.
    #[error(transparent)]
    Blackout(#[from] InvalidBlackout),
    /// A reason or a name that is none.
    #[error(
        "理由・名称は{MAX_WORDS}文字以内の一行にしてください (a reason or name is one line of 1 to {MAX_WORDS} letters)"
    )]
    Words,
    /// A pause that is over before it begins.
    #[error("停止の終了日時が過去です (the pause would be over already)")]
    Over,
}
