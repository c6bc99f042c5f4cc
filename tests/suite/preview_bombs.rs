//! Files that want to harm whoever looks at them: bounded in memory and in time, and refused with words.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};
use kenpo_express::gateway::preview::{Preview, Refusal, Subject};

use crate::preview_support::{document, pages, previewer, shown, shown_by, stream, summary, table, workbook, zipped};
use crate::support::soon::end_of;

async fn refused(name: &str, bytes: &[u8]) -> Refusal {
    match shown(name, bytes).await {
        Preview::Refused(why) => why,
        other => panic!("{name} is shown: {}", summary(&other)),
    }
}

/// A PNG that says it is so large, with nothing in it.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(1, 1).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn a_workbook_that_unpacks_to_far_more_than_it_is_is_a_bomb() {
    let zeros = vec![b' '; 120 << 20];
    let bomb = zipped(&[("xl/workbook.xml", b"<workbook/>"), ("xl/sharedStrings.xml", &zeros)]);
    assert!(bomb.len() < 2 << 20);
    assert_eq!(refused("賞与.xlsx", &bomb).await, Refusal::Bomb);
    let many: Vec<(String, Vec<u8>)> = (0..4_001).map(|part| (format!("xl/{part}"), Vec::new())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    assert_eq!(refused("賞与.xlsx", &zipped(&many)).await, Refusal::Bomb);
}

#[tokio::test]
async fn a_picture_that_says_it_is_huge_is_not_decoded() {
    for (width, height) in [(60_000, 60_000), (29_999, 29_999), (u32::MAX >> 1, 1)] {
        assert_eq!(refused("写真.png", &png(width, height)).await, Refusal::TooLarge, "{width}x{height}");
    }
    // As many pixels as are allowed, and none of them there.
    assert_eq!(refused("写真.png", &png(8_000, 5_000)).await, Refusal::Damaged);
}

#[tokio::test]
async fn a_csv_of_one_line_of_100_megabytes_is_shown_in_part() {
    let (subject, size) = (|size| Subject { name: Some("届.csv".to_owned()), size }, 100 << 20);
    let began_at = Instant::now();
    let ours = previewer();
    let shown = ours.show(subject(size), move |mut intake| {
        let piece = "あ,".repeat(1 << 18);
        for _ in 0..size / piece.len() as u64 {
            intake.write_all(piece.as_bytes()).unwrap();
        }
        Ok::<_, Infallible>(intake)
    });
    let Ok(Preview::Table(table)) = shown.await else { panic!("no table") };
    assert!(table.has_more_rows && table.has_more_columns);
    assert_eq!((table.rows.len(), table.rows[0].len()), (1, 64));
    assert!(began_at.elapsed() < Duration::from_secs(20), "{:?}", began_at.elapsed());
    let cell = shown_by(&previewer(), "届.csv", format!("\"{}", "x".repeat(30 << 20)).as_bytes()).await;
    let Preview::Table(table) = cell else { panic!("no table") };
    assert!(table.has_longer_cells && table.rows[0][0].chars().count() == 301);
}

#[tokio::test]
async fn circles_in_a_pdf_end() {
    let itself = stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X 8 0 R >> >>",
        b"/X Do /X Do",
    );
    let began_at = Instant::now();
    let shown = shown("届.pdf", &document(1, b"/X Do", &[itself])).await;
    assert!(
        matches!(shown, Preview::Pages(_) | Preview::Refused(Refusal::Stopped | Refusal::TooSlow)),
        "{}",
        summary(&shown)
    );
    let circle = String::from_utf8_lossy(&document(1, b"", &[])).replace("/Kids [3 0 R]", "/Kids [2 0 R]");
    let shown = crate::preview_support::shown("届.pdf", circle.as_bytes()).await;
    assert!(matches!(shown, Preview::Refused(_)), "{}", summary(&shown));
    assert!(began_at.elapsed() < Duration::from_secs(40), "{:?}", began_at.elapsed());
}

#[tokio::test]
async fn what_paints_without_end_is_killed_in_time_and_earlier_pages_stay() {
    let endless = b"0 0 595 842 re f 10 10 m 500 800 l 20 700 l 400 30 l s\n".repeat(400_000);
    let began_at = Instant::now();
    let hurried = previewer().within(Duration::from_millis(1_500));
    let shown = shown_by(&hurried, "届.pdf", &document(1, &endless, &[])).await;
    // A quick machine comes to the end of the memory before the end of the time.
    assert!(matches!(shown, Preview::Refused(Refusal::TooSlow | Refusal::Stopped)), "{}", summary(&shown));
    assert!(began_at.elapsed() < Duration::from_secs(10), "{:?}", began_at.elapsed());
}

#[tokio::test]
async fn deep_nesting_ends_the_child_and_not_the_gateway() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let array = document(1, format!("{deep} TJ").as_bytes(), &[]);
    let shown = shown("届.pdf", &array).await;
    assert!(matches!(shown, Preview::Pages(_) | Preview::Refused(_)));
    let elements = format!("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>{}", "<a>".repeat(1_000_000));
    let shown = crate::preview_support::shown("届.xlsx", &workbook(&elements, &[])).await;
    assert!(matches!(shown, Preview::Table(_) | Preview::Refused(_)));
    assert_eq!(table("届.csv", "氏名,番号\n山田,1\n".as_bytes()).await.rows.len(), 2, "the next one is shown");
}

#[tokio::test]
async fn a_sheet_with_a_cell_far_away_is_no_larger_than_what_is_shown() {
    let rows = r#"<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row><row r="1048576"><c r="A1048576"><v>3</v></c></row>"#;
    let table = table("届.xlsx", &workbook(rows, &[])).await;
    assert_eq!(table.rows, vec![vec!["1".to_owned()]]);
    assert!(table.has_more_rows && table.has_more_columns);
}

/// The child by itself, with what it is told on its input.
struct Alone(Child);

impl Alone {
    fn start() -> Self {
        Self::trying("")
    }

    /// One that does what nobody who paints does, as soon as it has given up what it can.
    fn trying(what: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kx-gateway"));
        command.arg("preview-child").env_clear().current_dir("/");
        if !what.is_empty() {
            command.env("KX_ESCAPE", what);
        }
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0.id()))
    }

    /// One of its limits, as the kernel has it.
    fn limit(&self, name: &str) -> String {
        let text = fs::read_to_string(self.proc("limits")).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    fn wait_until_confined(&self) {
        let began_at = Instant::now();
        while !fs::read_to_string(self.proc("status")).unwrap().contains("Seccomp:\t2\n") {
            assert!(began_at.elapsed() < Duration::from_secs(30), "it never locks itself in");
            std::thread::yield_now();
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_child_has_given_up_everything_before_it_reads_a_byte() {
    let child = Alone::start();
    child.wait_until_confined();
    for (name, most) in [
        ("Max open files", "0 0"),
        ("Max file size", "0 0"),
        ("Max core file size", "0 0"),
        ("Max processes", "0 0"),
        ("Max data size", "402653184 402653184"),
    ] {
        assert_eq!(child.limit(name), most, "{name}");
    }
    // Whoever runs the tests may have left descriptors to every program that is started here.
    let mut other = Command::new("/bin/cat");
    let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let kept_by = |process: u32| -> BTreeSet<String> {
        let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        // One that it closes meanwhile is none.
        let places = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        places.map(|place| place.display().to_string()).collect()
    };
    let left = kept_by(other.id());
    drop(other.stdin.take());
    other.wait().unwrap();
    let own = |place: &&String| !left.contains(*place);
    let kept = kept_by(child.0.id());
    let (pipes, more): (Vec<_>, Vec<_>) = kept.iter().filter(own).partition(|place| place.starts_with("pipe:"));
    assert_eq!(pipes.len(), 2, "{kept:?}");
    assert!(more.len() <= 1 && more.iter().all(|place| place.starts_with("/usr/share/fonts/")), "{kept:?}");
    assert_eq!(fs::read(child.proc("environ")).unwrap(), b"", "nothing is in its environment");
}

#[test]
fn whatever_a_painter_does_not_need_to_ask_the_kernel_for_ends_the_child() {
    for what in ["open", "look", "remove", "socket", "descriptor", "program", "thread", "signal", "number"] {
        let mut child = Alone::trying(what);
        // It reads no byte of its input, which stays open.
        let ended = end_of(&mut child.0, &format!("{what} ends it"));
        assert_eq!(ended.signal(), Some(rustix::process::Signal::SYS.as_raw()), "{what}: {ended:?}");
    }
}

#[test]
fn the_largest_picture_takes_no_more_memory_than_it_may() {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(7_900, 5_000).write_to(&mut bytes, ImageFormat::Bmp).unwrap();
    let bytes = bytes.into_inner();
    // Larger than what is looked at: as PNG it is small.
    assert!(bytes.len() > 100 << 20);
    let mut small = Cursor::new(Vec::new());
    image::load_from_memory(&bytes).unwrap().write_to(&mut small, ImageFormat::Png).unwrap();
    let small = small.into_inner();
    let mut child = Alone::start();
    let (mut input, mut output) = (child.0.stdin.take().unwrap(), child.0.stdout.take().unwrap());
    writeln!(input, "{{\"name\":null,\"size\":{}}}", small.len()).unwrap();
    input.write_all(&small).unwrap();
    drop(input);
    let reading = std::thread::spawn(move || {
        let mut said = Vec::new();
        output.read_to_end(&mut said).unwrap();
        said.len()
    });
    let (mut highest, began_at) = (0, Instant::now());
    while child.0.try_wait().unwrap().is_none() {
        assert!(began_at.elapsed() < Duration::from_secs(60));
        let status = fs::read_to_string(child.proc("status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        highest = highest.max(peak.unwrap_or(0));
        std::thread::yield_now();
    }
    assert!(reading.join().unwrap() > 100, "it is painted");
    eprintln!("a picture of 39 million pixels: {} MiB at most", highest >> 10);
    assert!((100 << 10..400 << 10).contains(&highest), "{highest} KiB");
}

#[tokio::test]
async fn a_picture_of_the_largest_size_is_shown() {
    let mut small = Cursor::new(Vec::new());
    RgbImage::new(7_900, 5_000).write_to(&mut small, ImageFormat::Png).unwrap();
    assert_eq!(pages("写真.png", &small.into_inner()).await.pages[0].width, 1_240);
}
