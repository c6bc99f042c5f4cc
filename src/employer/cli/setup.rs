//! The first start as somebody at a terminal sees it, in the order of the manual.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::arguments::SetupArguments;
use super::ask::{Asker, agree, line, say, secret};
use super::failure::Failure;
use super::words;
use crate::employer::error::EmployerError;
use crate::employer::refusal::{PinRefused, SetupRefused};
use crate::employer::setup::{Names, Need, Setup, Worked};
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::secret::Pin;
use crate::wire::enrolment::RefusalReason;
use crate::wire::problem::Code;

/// How long one question for the union's answer waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is asked before somebody has to start again.
const QUESTIONS: u32 = 9;

/// Runs the set-up to its end, or as far as it goes today. Whether it is finished.
pub(super) async fn run(folder: PathBuf, arguments: SetupArguments, asker: &Asker) -> Result<bool, Failure> {
    let (at, kit, anew) = (folder.clone(), arguments.kit.clone(), arguments.start_anew);
    let begin = move || Setup::begin(&at, kit.as_deref(), anew, Arc::new(SystemClock), Arc::new(SystemRandom));
    let setup = tokio::task::spawn_blocking(begin).await.expect("reading a kit does not panic")?;
    let mut face = Face { setup, arguments, asker, questions: 0, issued: false };
    let done = face.run().await;
    if let Err(Failure::Employer(_)) = &done {
        say(&format!("（確認: kx-employer --home {} doctor / to look for the cause）", folder.display()));
    }
    done
}

struct Face<'a> {
    setup: Setup,
    arguments: SetupArguments,
    asker: &'a Asker,
    questions: u32,
    issued: bool,
}

impl Face<'_> {
    async fn run(&mut self) -> Result<bool, Failure> {
        loop {
            match self.setup.need() {
                Need::NewPin => self.new_pin().await?,
                Need::Pin => self.pin().await?,
                Need::Names => self.names()?,
                Need::InitialPassword => self.initial_password().await?,
                Need::Work => {
                    if !self.work().await? {
                        return Ok(false);
                    }
                }
                Need::Password { changing } => self.password(changing)?,
                Need::NewPassword => self.new_password().await?,
                Need::Nothing => {
                    say(
                        "KXサーバーへのログインに成功しました。これで初期設定が完了です。お疲れ様でした。\nLogged in: the set-up is finished.",
                    );
                    return Ok(true);
                }
            }
        }
    }

    async fn new_pin(&mut self) -> Result<(), Failure> {
        say(
            "PINコードを登録します（任意の4桁の数字）。忘れないようにしてください。\nChoose a PIN of four digits, and do not forget it.",
        );
        let pin = loop {
            let pin = self.asker.pin("PIN登録 / PIN")?;
            let again = self.asker.pin("PIN再確認 / PIN again")?;
            if pin == again {
                break pin;
            }
            say("  2回の入力が一致しません / The two differ.");
        };
        if !self.asker.has_pin() {
            agree("PINを登録しますか / Register this PIN?")?;
        }
        Ok(self.setup.choose_pin(pin).await?)
    }

    async fn pin(&mut self) -> Result<(), Failure> {
        loop {
            let pin: Pin = self.asker.pin("登録したPINを入力してください / Your PIN")?;
            match self.setup.prove_pin(pin).await {
                Err(EmployerError::Pin(PinRefused::Wrong { tries_left }))
                    if tries_left > 0 && !self.asker.has_pin() =>
                {
                    say(&format!("  {}", words::wrong_pin(tries_left)));
                }
                Err(EmployerError::Pin(_)) if self.setup.need() == Need::NewPin => {
                    say(
                        "  間違いが続いたため、このPINは使えません。もう一度PINを登録してください。\n  Too many wrong tries: choose a PIN again.",
                    );
                    return Ok(());
                }
                other => return Ok(other?),
            }
        }
    }

    fn names(&mut self) -> Result<(), Failure> {
        let given = self.arguments.office.is_some() && self.arguments.user.is_some() && self.arguments.mail.is_some();
        if !given {
            say(
                "「初期パスワード及び登録情報のお知らせ」のとおりに入力してください。\nType these as they stand on the letter.",
            );
        }
        let ask = |given: &Option<String>, prompt| given.clone().map_or_else(|| line(prompt), Ok);
        let names = Names {
            office: ask(&self.arguments.office, "事業所名 / Office")?,
            user: ask(&self.arguments.user, "利用者名 / User")?,
            mail: ask(&self.arguments.mail, "メールアドレス / Mail address")?,
        };
        if !given {
            agree("入力した内容で初期設定を行いますか / Go on with these?")?;
        }
        self.setup.names(names);
        Ok(())
    }

    async fn initial_password(&mut self) -> Result<(), Failure> {
        loop {
            let password = self.asker.password("KXログイン用初期パスワード / Initial password")?;
            match self.setup.initial_password(password).await {
                Err(EmployerError::Setup(SetupRefused::Password)) if !self.asker.has_password() => {
                    say(
                        "  初期パスワードが違うか、キットが書き換えられています。何も送信していません。\n  The password is wrong, or the kit was altered. Nothing was sent.",
                    );
                }
                other => return Ok(other?),
            }
        }
    }

    /// Whether to go on.
    async fn work(&mut self) -> Result<bool, Failure> {
        match self.setup.work(PATIENCE).await {
            Ok(Worked::On) => {
                if !self.issued && !matches!(self.setup.need(), Need::Work | Need::Names) {
                    self.issued = true;
                    say("電子証明書を取得しました。初期設定が完了しました。\nThe certificates are here.");
                }
                Ok(true)
            }
            Ok(Worked::Waits) => {
                self.questions += 1;
                if self.questions == 1 {
                    say("組合の応答を待っています… / Waiting for the union …");
                    self.say_number();
                }
                if self.questions < QUESTIONS {
                    return Ok(true);
                }
                say(
                    "組合からまだ応答がありません。時間をおいて setup をもう一度実行すると、続きから始まります。\nThe union has not answered yet. Run setup again later: it goes on from here.",
                );
                Ok(false)
            }
            Ok(Worked::WaitsForApproval) => {
                say(
                    "この利用者は別のパソコンで設定済みです。組合の承認後に使えるようになります（元のパソコンは使えなくなります）。\n→ 健康保険組合に電話し、下のPC番号を伝えてください。承認後に setup をもう一度実行してください。\nAnother PC is set up for this user. The union has to approve the replacement, which ends the other PC.\n→ Call the union, tell the PC number below, and run setup again once it has approved.",
                );
                self.say_number();
                Ok(false)
            }
            Ok(Worked::WrongNames) if self.arguments.office.is_some() => {
                Err(EmployerError::Setup(SetupRefused::Union(RefusalReason::Names)).into())
            }
            Ok(Worked::WrongNames) => {
                say(
                    "事業所名、利用者名、メールアドレスのいずれかが登録と一致しません。もう一度入力してください。\nOffice, user or mail address are not those that the union has. Type them again.",
                );
                Ok(true)
            }
            Err(error) if error.code() == Some(Code::LoginFailed) && !self.asker.has_password() => {
                say("  パスワードが違います / The password is wrong.");
                Ok(true)
            }
            Err(error) if error.code() == Some(Code::LoginFailed) && self.may_have_changed() => {
                // The change was done before it could be written down: the new password is the one that counts.
                let file = self.arguments.new_password_file.clone();
                self.setup.password(secret(file.as_deref(), "パスワード / Password")?);
                self.arguments.new_password_file = None;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the union's staff ask for on the telephone.
    fn say_number(&self) {
        say(&format!("PC番号 / PC number: {}", self.setup.pc_mark()));
    }

    fn may_have_changed(&self) -> bool {
        self.arguments.new_password_file.is_some() && matches!(self.setup.need(), Need::Password { changing: true })
    }

    fn password(&mut self, changing: bool) -> Result<(), Failure> {
        if changing {
            say(
                "パスワードの変更中に中断しました。変更後のパスワード（変更できていなければ初期パスワード）を入力してください。\nThe change of the password was interrupted: type the new one, or the initial one if the change was not done.",
            );
        }
        let password = self.asker.password("パスワード / Password")?;
        self.setup.password(password);
        Ok(())
    }

    async fn new_password(&mut self) -> Result<(), Failure> {
        let file = self.arguments.new_password_file.clone();
        if file.is_none() {
            agree("初期パスワードを変更します。よろしいですか / The initial password has to be changed. Go on?")?;
        }
        new_password(file.as_deref(), async |new| self.setup.new_password(new).await).await
    }
}

/// Asks for a new password, twice, until it is one that is taken.
pub(super) async fn new_password(
    file: Option<&Path>,
    mut take: impl AsyncFnMut(zeroize::Zeroizing<String>) -> Result<(), EmployerError>,
) -> Result<(), Failure> {
    loop {
        let new =
            secret(file, "変更後のパスワード（英数字を含む8～16文字） / New password (8 to 16, letters and digits)")?;
        if file.is_none() {
            if *secret(None, "変更後のパスワード確認 / New password again")? != *new {
                say("  2回の入力が一致しません / The two differ.");
                continue;
            }
            agree("パスワードを更新しますか / Change it?")?;
        }
        match take(new).await {
            Err(error) if file.is_none() && is_about_the_new_one(&error) => words::complain(&error),
            other => {
                other?;
                say("パスワード更新が完了しました。 / The password is changed.");
                return Ok(());
            }
        }
    }
}

fn is_about_the_new_one(error: &EmployerError) -> bool {
    matches!(error, EmployerError::Password(_)) || error.code() == Some(Code::PasswordUnchanged)
}
