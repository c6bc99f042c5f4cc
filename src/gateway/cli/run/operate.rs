//! What `kx-gateway init`, `staff`, `doctor` and `logs` do.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::args::Json;
use super::super::args::operate::{Init, Logs, Staff};
use super::super::print;
use super::{CommandError, show};
use crate::config::{Discretion, describe};
use crate::gateway::admin::Admin;
use crate::gateway::config::GatewaySettings;
use crate::gateway::doctor::examine;
use crate::gateway::init;
use crate::gateway::opened::Gateway;
use crate::operations::logs::{self, Part};
use crate::operations::questions::Questions;
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::runtime::finding::is_well;
use crate::runtime::telemetry::chain;
use crate::runtime::version::VERSION;
use crate::store::gateway::MIGRATIONS;
use crate::store::sqlite::{MigrationState, migration_state};

pub(super) async fn init(config: &Path, arguments: Init) -> Result<(), CommandError> {
    let questions = match &arguments.answers {
        Some(file) => Questions::of_file(file)?,
        None => Questions::at_terminal(&init::answers_beside(config), &SystemRandom)?,
    };
    let password = match &arguments.password_file {
        Some(file) => Some(first_line(file)?),
        None if arguments.answers.is_none() && std::io::stdin().is_terminal() => chosen()?,
        None => None,
    };
    let tell = |password: &str| {
        eprintln!("最初の職員のパスワード / Password of the first of the staff");
        eprintln!("このパスワードは二度と表示されません (this password is not shown again):");
        print::line(password)
    };
    let done = init::run(config, questions, password, &SystemClock, &SystemRandom, tell).await?;
    eprintln!("設定ファイル / Configuration: {}", config.display());
    match &done.staff {
        Some(name) => eprintln!("最初の職員（責任者） / First of the staff: {name}"),
        None => eprintln!(
            "職員は登録済みです。パスワードが分からない場合は kx-gateway staff password NAME で付け直してください。\n\
             There is an account of the staff already; if its password is not known: kx-gateway staff password NAME."
        ),
    }
    for fault in &done.faults {
        eprintln!("要確認 / To be put right: {fault}");
    }
    eprintln!("運営者のファイル / The operator's file: {}", done.operators);
    eprintln!("組合のファイル / The union's file: {}", done.shown);
    eprintln!(
        "次に: {0} を KX サーバーの運営者に送り、両方の照合番号を電話で読み合わせてください。運営者の番号が違えば、届いたファイルは途中で書き換えられています。起動しないでください。\
         登録されたら kx-gateway doctor で確認し、サービスを起動します。\n\
         Next: send {0} to the operator of the KX server and compare both fingerprints by telephone. If the operator reads out another one, \
         the file was altered on its way: do not start. Once you are registered, run kx-gateway doctor and start the service.",
        done.for_operator.display()
    );
    if done.faults.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Failed("設定に確認の必要な点があります (the configuration needs attention)".to_owned()))
    }
}

pub(super) async fn doctor(config: &Path, Json { json }: Json) -> Result<(), CommandError> {
    let findings = examine(config, &SystemClock).await;
    show(json, &findings, |findings| findings.iter().try_for_each(|finding| print::line(finding.words().trim_end())))?;
    if is_well(&findings) {
        Ok(())
    } else {
        Err(CommandError::Failed("異常があります (something is wrong)".to_owned()))
    }
}

/// Settings of which only is told that they are set: persons, and what may hold a secret.
const DISCRETION: Discretion<'_> = Discretion {
    hidden: &["letter.contact", "mail.from", "mail.transport", "notices.staff", "hooks.command", "hooks.url"],
    secret_files: &["hooks.secret", "mail.credentials"],
};

pub(super) async fn logs(config: &Path, arguments: Logs) -> Result<(), CommandError> {
    let findings = examine(config, &SystemClock).await;
    let status = match status(config).await {
        Ok(status) => status,
        Err(error) => chain(&error),
    };
    let (file, out) = (config.to_owned(), arguments.out.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let settings = describe::<GatewaySettings>(&file, &DISCRETION);
        let parts = [
            Part { name: "version.txt", text: format!("kx-gateway {VERSION}\n") },
            logs::findings(&findings),
            Part { name: "status.json", text: status },
            Part { name: "configuration.txt", text: settings.text },
            logs::journal("kx-gateway", arguments.days),
        ];
        logs::pack(&out, &parts, &settings.concealed)
    });
    let failed = |error| CommandError::File(arguments.out.clone(), error);
    packed.await.map_err(std::io::Error::other)?.map_err(failed)?;
    eprintln!("保存しました / Saved: {}", arguments.out.display());
    Ok(())
}

/// What `status` says, where there is a gateway that can be asked.
async fn status(config: &Path) -> Result<String, CommandError> {
    let settings = GatewaySettings::read(config)?;
    if !settings.storage.database.exists() {
        return Err(CommandError::Failed("there is no database yet".to_owned()));
    }
    // Whoever asks for logs changes nothing: the service may be of the version before.
    if migration_state(&settings.storage.database, &MIGRATIONS).await? != MigrationState::UpToDate {
        return Err(CommandError::Failed("the database is of another version than this program".to_owned()));
    }
    let gateway = Gateway::open(settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let view = Admin::new(&gateway, "logs").status().await;
    gateway.receiver.database.close().await;
    Ok(serde_json::to_string_pretty(&view?).map_err(std::io::Error::other)?)
}

pub(super) async fn staff(admin: &Admin, command: Staff) -> Result<(), CommandError> {
    match command {
        Staff::Add { name, role, password_file, json: Json { json } } => {
            let password = password_file.as_deref().map(first_line).transpose()?;
            show(json, &admin.add_staff(name, role, password).await?, print::made_account)
        }
        Staff::List(Json { json }) => show(json, &admin.staff().await?, |all| all.iter().try_for_each(print::account)),
        Staff::Disable { name, json: Json { json } } => show(json, &admin.disable_staff(&name).await?, print::account),
        Staff::Enable { name, password_file, json: Json { json } } => {
            let password = password_file.as_deref().map(first_line).transpose()?;
            show(json, &admin.enable_staff(name, password).await?, print::made_account)
        }
        Staff::Role { name, role, json: Json { json } } => {
            show(json, &admin.set_staff_role(&name, role).await?, print::account)
        }
        Staff::Password { name, password_file, json: Json { json } } => {
            let password = password_file.as_deref().map(first_line).transpose()?;
            show(json, &admin.set_staff_password(name, password).await?, print::made_account)
        }
        Staff::ResetFactor { name, json: Json { json } } => {
            show(json, &admin.reset_staff_factor(&name).await?, print::account)
        }
    }
}

/// A password that whoever sits there chooses; none when one is to be made.
fn chosen() -> Result<Option<Zeroizing<String>>, CommandError> {
    let ask = |words: &str| rpassword::prompt_password(format!("{words}: ")).map(Zeroizing::new);
    loop {
        let first = ask(
            "最初の職員のパスワード（空欄: 自動で作る） / Password of the first of the staff (empty: one is made)",
        )?;
        if first.is_empty() {
            return Ok(None);
        }
        if *ask("もう一度 / Again")? == *first {
            return Ok(Some(first));
        }
        eprintln!("  2回の入力が一致しません / The two differ.");
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|error| CommandError::File(file.to_owned(), error))?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
