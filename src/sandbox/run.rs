//! From the command line to the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use super::answer::answer;
use super::arguments::Arguments;
use super::console::Account;
use super::error::SandboxError;
use super::exchange::{Exchanged, exchange, open};
use super::parties::{Person, user, write};
use super::servers::{RunningGateway, RunningRelay};
use super::voice::Voice;
use super::world::World;
use super::{console, enrol, log, sample, week};
use crate::domain::clock::Clock;
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::runtime::lifecycle::Signals;

/// Runs the program. Exit status: 0 done; 1 failed, with the reason on standard error; 2 wrong usage.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a process that started can start its threads");
    match runtime.block_on(run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error.complain();
            ExitCode::FAILURE
        }
    }
}

/// Whether every file went all the way and came back equal.
async fn run(arguments: &Arguments) -> Result<bool, SandboxError> {
    let voice = if arguments.json { Voice::Program } else { Voice::Person };
    let (dir, base) = (arguments.dir.clone(), arguments.port_base);
    let make = move || World::open(&dir, base, SystemClock.now(), &SystemRandom);
    let world = tokio::task::spawn_blocking(make).await.expect("making the folder does not panic")?;
    log::start(&world.dir.join("sandbox.log")).map_err(|error| SandboxError::Folder(world.dir.clone(), error))?;
    voice.line("Kenpo eXpress サンドボックス（試用・開発専用） / sandbox, for trying out and development only");
    if world.is_old {
        voice.step("前回の続きから始めます", "Going on with what is there");
    } else {
        voice.step("認証局・証明書・設定を作りました", "Authorities, certificates and settings were made");
    }
    voice.fact("フォルダー", "folder", world.dir.display());

    let relay = RunningRelay::start(&world).await?;
    voice.step("KX サーバー（中継）を起動しました", "The KX server (relay) is running");
    voice.fact("組合側 (VPN)", "for unions (VPN)", format!("https://{}", world.address(0)));
    voice.fact("事業所側", "for employers", format!("https://{}", world.address(1)));
    let done = with_relay(arguments, &world, voice).await;
    relay.stop().await;
    done
}

async fn with_relay(arguments: &Arguments, world: &World, voice: Voice) -> Result<bool, SandboxError> {
    let gateway = RunningGateway::start(world).await?;
    voice.step("組合のゲートウェイを起動しました", "The union's gateway is running");
    voice.fact("状態", "health", format!("http://{}/healthz", world.address(4)));
    let done = with_both(arguments, world, &gateway, voice).await;
    gateway.stop().await;
    done
}

async fn with_both(
    arguments: &Arguments,
    world: &World,
    gateway: &RunningGateway,
    voice: Voice,
) -> Result<bool, SandboxError> {
    let person = enrol::user_of(world, gateway, &Person::first(), voice).await?;
    let files = if arguments.file.is_empty() { vec![sample_file(world)?] } else { arguments.file.clone() };
    let app = open(person, voice).await?;
    let exchanged = exchange(world, &gateway.admin(), &app, &files, voice).await?;
    let answered = answer(world, &gateway.admin(), &app, voice).await?;
    let staff = if arguments.once { Vec::new() } else { console::accounts(world, &gateway.admin()).await? };
    if !arguments.once {
        week::happened(world, gateway, &app, voice).await?;
    }
    // Others use the folder from here on.
    drop(app);
    let json = exchanged.iter().map(|one| {
        let mut value = one.json();
        value["answer"] = answered.json();
        value
    });
    voice.json(&Value::Array(json.collect()));
    let mut good = exchanged.iter().all(Exchanged::is_good) && answered.is_good();
    voice.line(if good {
        "\n成功: 双方向のファイルがすべて検証され、元と一致し、受領通知がそろいました。\n\
         Success: in both directions every file was verified, came out equal, and has all its receipts."
    } else {
        "\n失敗: 上の判定を確認してください。\nFailure: see the verdicts above."
    });
    if arguments.second_pc {
        good &= enrol::second_pc(world, voice).await?;
    }
    if !arguments.once {
        stay_up(world, &staff, voice).await?;
    }
    Ok(good)
}

async fn stay_up(world: &World, staff: &[Account], voice: Voice) -> Result<(), SandboxError> {
    let mut signals = Signals::listen().map_err(|error| SandboxError::Folder(world.dir.clone(), error))?;
    voice.line("\n動作中です。別の端末で試せます: / Up and running. To try in another terminal:");
    let home = world.employer_home();
    let home = home.display();
    let employer = format!(
        "{} --home {home} --pin-file {home}/pin.txt --password-file {home}/password.txt",
        program("kx-employer")
    );
    let gateway = format!("{} --config {}", program("kx-gateway"), world.gateway_settings_file().display());
    let relay = format!("{} --config {}", program("kx-server"), world.relay_settings_file().display());
    for command in [
        format!("{employer} send FILE"),
        format!("{employer} sent"),
        format!("{gateway} send --to {} FILE", user()),
        format!("{employer} inbox"),
        format!("{employer} receive --all --out DIR"),
        format!("{employer} doctor"),
        format!("{gateway} user list"),
        format!("{gateway} received list"),
        format!("{gateway} received export ID -o FILE"),
        format!("{relay} status"),
    ] {
        voice.line(&format!("    {command}"));
    }
    voice.line(&format!("    curl http://{}/metrics    curl http://{}/metrics", world.address(4), world.address(5)));
    voice.line("\n職員用画面（ブラウザーで開きます。見本の証明書なので警告が出ます） / The staff console; browsers warn of its sample certificate:");
    voice.line(&format!("    https://{}/", world.address(3)));
    for Account { name, password } in staff {
        voice.fact("ログイン名", "login name", name);
        voice.fact("パスワードのファイル", "file with the password", password.display());
    }
    voice.line("Ctrl-C で終了します。 / Ctrl-C ends it.");
    signals.next().await;
    voice.line("\n終了します。 / Stopping.");
    Ok(())
}

/// Where a program of ours is: beside this one, once it has been built.
fn program(name: &str) -> String {
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name(name)).filter(|path| path.exists());
    beside.map_or_else(|| format!("cargo run --release --bin {name} --"), |path| path.display().to_string())
}

fn sample_file(world: &World) -> Result<PathBuf, SandboxError> {
    let path = world.dir.join(Path::new("sample").join(sample::NAME));
    if !path.exists() {
        write(&path, &sample::csv())?;
    }
    Ok(path)
}
