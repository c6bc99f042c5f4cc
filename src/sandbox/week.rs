//! What a union has of a week: more offices, whose users are enrolled and send as any other; one of them was shut out while a file was on
//! its way; staff have dealt with some of it; a notice to everybody waits to be fetched. So that there is something to do at the console.

use std::path::PathBuf;

use encoding_rs::SHIFT_JIS;

use super::console;
use super::enrol;
use super::error::SandboxError;
use super::exchange::{arrival, open};
use super::parties::{Person, write, write_bytes};
use super::servers::RunningGateway;
use super::voice::Voice;
use super::world::World;
use crate::domain::expectation::{Due, Expectation};
use crate::domain::ids::MessageId;
use crate::domain::staff::StaffName;
use crate::domain::user::DisableReason;
use crate::employer::app::App;
use crate::gateway::admin::received::Review;
use crate::gateway::flows::send::To;
use crate::store::gateway::users::Contact;

/// An office with its one user, and what came from there.
struct Office {
    code: &'static str,
    name: &'static str,
    user: &'static str,
    person: &'static str,
    device: &'static str,
    files: &'static [File],
}

struct File {
    name: &'static str,
    text: &'static str,
    /// As older systems write it: `Shift_JIS`.
    is_old: bool,
    comment: Option<&'static str>,
    then: Then,
}

/// What staff have done with a file by now.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Accepted,
    Returned(&'static str),
    Flagged(&'static str),
}

const fn file(name: &'static str, text: &'static str, then: Then) -> File {
    File { name, text, is_old: false, comment: None, then }
}

const WAGES: &str = "被保険者番号,氏名,４月報酬,５月報酬,６月報酬,平均額,標準報酬月額\r\n\
    1,見本　太郎,301200,299800,305000,302000,300000\r\n2,架空　花子,248000,251500,250100,249866,240000\r\n";
const BONUS: &str =
    "被保険者番号,氏名,賞与額,支払年月日\r\n1,見本　太郎,480000,2026-12-10\r\n2,架空　花子,510000,2026-12-10\r\n";
const JOINED: &str =
    "氏名,フリガナ,生年月日,資格取得年月日,報酬月額\r\n試験　次郎,シケン　ジロウ,1999-04-02,2026-11-01,240000\r\n";
const LEFT: &str = "被保険者番号,氏名,資格喪失年月日,喪失の原因\r\n7,例示　三郎,2026-11-01,退職\r\n";
const FAMILY: &str = "被保険者番号,氏名,続柄,異動の種別,異動年月日\r\n3,架空　太郎,子,追加,2026-11-10\r\n";
const CHANGED: &str =
    "被保険者番号,氏名,改定年月,従前の標準報酬,改定後の標準報酬\r\n4,練習　幸子,2026-11,260000,300000\r\n";

/// What the user of the exchange sends beside it.
const FIRST: &[File] = &[
    File { comment: Some("11月入社の1名です。"), ..file("資格取得届_見本.csv", JOINED, Then::Nothing) },
    file("被扶養者異動届_見本.csv", FAMILY, Then::Nothing),
    File {
        comment: Some("差替え版です。11月20日に送信した分は破棄してください。"),
        ..file("賞与支払届_見本.csv", BONUS, Then::Nothing)
    },
    file("連絡事項_見本.txt", "来月から担当者が変わります。\r\n\r\n見本事業所 総務\r\n", Then::Nothing),
];

const OFFICES: &[Office] = &[
    Office {
        code: "20-01",
        name: "株式会社見本製作所 本社",
        user: "kenta-1",
        person: "架空　健太",
        device: "人事課の共用パソコン",
        files: &[
            file("月額変更届_令和8年11月.csv", CHANGED, Then::Accepted),
            File { is_old: true, ..file("資格喪失届_令和8年11月.csv", LEFT, Then::Nothing) },
            file("賞与支払届_令和8年冬季.csv", BONUS, Then::Flagged("人数が先月より多いので、電話で確認します。")),
            file(
                "被扶養者異動届と添付書類のとても長い名前のファイル（本社および全支店の分をまとめたもの）.csv",
                FAMILY,
                Then::Nothing,
            ),
        ],
    },
    Office {
        code: "35-12",
        name: "見本運輸 名古屋営業所",
        user: "sachiko-1",
        person: "試験　幸子",
        device: "営業所のパソコン",
        files: &[
            File { is_old: true, ..file("算定基礎届（訂正分）.csv", WAGES, Then::Accepted) },
            file(
                "賞与支払届_２０２６冬.csv",
                "被保険者番号,氏名,賞与額\r\n1,見本　太郎,\r\n",
                Then::Returned("賞与額が空欄です。ご確認のうえ、もう一度お送りください。"),
            ),
            file("資格取得届_1101.csv", JOINED, Then::Nothing),
        ],
    },
    Office {
        code: "48-07",
        name: "見本商店",
        user: "goro-1",
        person: "例示　五郎",
        device: "店のパソコン",
        files: &[file("資格喪失届_見本商店.csv", LEFT, Then::Accepted)],
    },
];

const FINE: &str = "the samples are in order";

/// Registered, with letters that nobody has used yet.
const TO_COME: &[(&str, &str, &str, &str, &str)] = &[
    ("51-01", "見本印刷", "sakura-1", "仮名　さくら", "総務のパソコン"),
    ("52-03", "見本食品 川崎工場", "haruto-1", "練習　陽斗", "工場事務所のパソコン"),
    ("60-11", "社会福祉法人 見本会", "mio-1", "架空　美桜", "事務室のパソコン"),
];

/// What every office is expected to send: name, part of the files' names, and by when.
const EXPECTED: &[(&str, &str, Due)] = &[
    ("賞与支払届（冬季）", "賞与支払届", Due::Yearly { month: 12, day: 10 }),
    ("算定基礎届", "算定基礎届", Due::Yearly { month: 7, day: 10 }),
    ("資格取得届・喪失届", "資格", Due::Monthly { day: 31 }),
];

/// What the last office sends when its user is shut out before the union has it.
const TOO_LATE: File = file("被扶養者異動届_見本商店.csv", FAMILY, Then::Nothing);

impl Office {
    fn person(&self) -> Person {
        person(self.code, self.name, self.user, self.person, self.device)
    }
}

fn person(code: &str, office: &str, user: &str, name: &str, device: &str) -> Person {
    Person {
        office: code.parse().expect(FINE),
        office_name: office.parse().expect(FINE),
        user: user.parse().expect(FINE),
        contact: Contact {
            name: name.parse().expect(FINE),
            mail: format!("{user}@example.jp").parse().expect(FINE),
            device: Some(device.parse().expect(FINE)),
        },
    }
}

/// Lets the week happen, unless it has before.
pub(super) async fn happened(
    world: &World,
    gateway: &RunningGateway,
    first: &App,
    voice: Voice,
) -> Result<(), SandboxError> {
    let done = world.dir.join("week/done");
    if done.exists() {
        return Ok(());
    }
    voice.step("職員用画面で見る 1 週間分の見本を作ります", "A week's samples are made, to look at on the console");
    let mut came = send(world, "first", first, FIRST).await?;
    for office in OFFICES {
        let person = office.person();
        world.prepare_home(&person.user)?;
        let app = open(enrol::user_of(world, gateway, &person, Voice::Nobody).await?, Voice::Nobody).await?;
        came.extend(send(world, office.user, &app, office.files).await?);
        voice.fact(
            "事業所",
            "office",
            format!("{}（{}） {} ファイル / files", office.name, office.code, office.files.len()),
        );
        if office.code == OFFICES.last().map_or("", |last| last.code) {
            shut_out(world, gateway, &app, &person, &came).await?;
        }
    }
    for (code, office, user, name, device) in TO_COME {
        gateway.register(&person(code, office, user, name, device)).await?;
    }
    review(gateway, &came).await?;
    notify(world, gateway).await?;
    for (name, part, due) in EXPECTED {
        let expectation = Expectation::new(name, part, None, *due, None).expect(FINE);
        gateway.staff(&colleague()).add_expectation(&expectation).await?;
    }
    write(&done, "")
}

/// Sends an office's files. Gives what they are and what is to become of them.
async fn send(world: &World, folder: &str, app: &App, files: &[File]) -> Result<Vec<(MessageId, Then)>, SandboxError> {
    let mut sent = Vec::new();
    for one in files {
        let path = sample(world, folder, one)?;
        for message in app.send(std::slice::from_ref(&path), one.comment).await? {
            sent.push((message.record.id, one.then));
        }
    }
    Ok(sent)
}

fn sample(world: &World, folder: &str, file: &File) -> Result<PathBuf, SandboxError> {
    let path = world.dir.join("week/files").join(folder).join(file.name);
    let text = if file.is_old {
        SHIFT_JIS.encode(file.text).0.into_owned()
    } else {
        format!("\u{FEFF}{}", file.text).into_bytes()
    };
    write_bytes(&path, &text)?;
    Ok(path)
}

/// A file is on its way when the union hears that its sender has left: it comes into quarantine.
async fn shut_out(
    world: &World,
    gateway: &RunningGateway,
    app: &App,
    person: &Person,
    came: &[(MessageId, Then)],
) -> Result<(), SandboxError> {
    let admin = gateway.admin();
    for (id, _) in came {
        arrival(&admin, *id, 0).await?;
    }
    admin.pause("見本の作成", None).await?;
    let late = send(world, person.user.as_str(), app, &[TOO_LATE]).await?;
    admin.disable_user(&person.user, DisableReason::Left, None).await?;
    admin.resume().await?;
    for (id, _) in late {
        arrival(&admin, id, 0).await?;
    }
    Ok(())
}

fn colleague() -> StaffName {
    console::COLLEAGUE.parse().expect(FINE)
}

/// What staff have done by now.
async fn review(gateway: &RunningGateway, came: &[(MessageId, Then)]) -> Result<(), SandboxError> {
    let colleague = colleague();
    let admin = gateway.staff(&colleague);
    for (id, then) in came {
        match then {
            Then::Nothing => continue,
            Then::Accepted => drop(admin.review(*id, &Review::Accept).await?),
            Then::Returned(why) => drop(admin.review(*id, &Review::Return { reason: (*why).to_owned() }).await?),
            Then::Flagged(why) => {
                admin.flag(*id, true).await?;
                admin.comment(*id, &colleague, why).await?;
            }
        }
        admin.look_at(*id, &colleague).await?;
    }
    Ok(())
}

/// A notice to every office of a group: nobody has fetched it yet.
async fn notify(world: &World, gateway: &RunningGateway) -> Result<(), SandboxError> {
    let admin = gateway.staff(&colleague());
    let offices: Vec<_> = OFFICES[..2].iter().map(|office| office.person().office).collect();
    admin.add_to_group("見本グループ", &offices).await?;
    let notice = file(
        "年末年始の受付について.txt",
        "年末年始の受付についてのお知らせ（見本）\r\n\r\n12月29日から1月3日までは受付を休みます。\r\n",
        Then::Nothing,
    );
    let path = sample(world, "notice", &notice)?;
    let to: Vec<To> = offices.into_iter().map(To::Office).collect();
    admin.send(&to, Some("掲示をお願いします。"), &path, true).await?;
    Ok(())
}
