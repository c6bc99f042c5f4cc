//! Each kind of file with Japanese in it, shown by the program that was built.

use std::convert::Infallible;
use std::io::{Cursor, Write};

use image::{ImageFormat, Rgb, RgbImage};
use kenpo_express::domain::ids::MessageId;
use kenpo_express::gateway::flows::reveal::{RevealError, Revealable};
use kenpo_express::gateway::preview::{Encoding, Painted, Preview, Refusal, Source, Subject};

use crate::gateway_support::GatewayWorld;
use crate::preview_support::{
    document, pages, pdf, previewer, shift_jis, shown, stream, summary, table, workbook, written, zipped,
};

const ROWS: &str = "氏名,被保険者番号,届出\r\n髙橋　花子,0012,\"資格取得届,賞与\"\r\n﨑山 太郎,=1+1,<script>\r\n";

fn expected() -> Vec<Vec<&'static str>> {
    vec![
        vec!["氏名", "被保険者番号", "届出"],
        vec!["髙橋　花子", "0012", "資格取得届,賞与"],
        vec!["﨑山 太郎", "=1+1", "<script>"],
    ]
}

#[tokio::test]
async fn a_csv_is_a_table_however_japanese_is_written_in_it() {
    let with_mark = [b"\xEF\xBB\xBF", ROWS.as_bytes()].concat();
    for (bytes, encoding) in
        [(ROWS.as_bytes().to_vec(), Encoding::Utf8), (with_mark, Encoding::Utf8), (shift_jis(ROWS), Encoding::ShiftJis)]
    {
        // The name is a hint: the content alone says it too.
        for name in ["届.csv", "届.dat"] {
            let table = table(name, &bytes).await;
            assert_eq!((&table.rows, &table.source), (&expected_owned(), &Source::Delimited(encoding)));
            assert!(!table.has_more_rows && !table.has_more_columns && !table.has_longer_cells);
        }
    }
}

fn expected_owned() -> Vec<Vec<String>> {
    expected().into_iter().map(|row| row.into_iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn text_is_text_and_a_name_that_lies_changes_nothing() {
    let words = "ご担当者様\nお世話になっております。\n";
    for bytes in [words.as_bytes().to_vec(), shift_jis(words)] {
        let Preview::Text(text) = shown("手紙.pdf", &bytes).await else { panic!("no text") };
        assert_eq!((text.text.as_str(), text.has_more), (words, false));
    }
    let picture = painted(ImageFormat::Png, 40, 20);
    assert_eq!(pages("届.csv", &picture).await.of, Painted::Picture);
}

fn painted(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let picture =
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn every_picture_is_painted_anew_and_fits_on_a_page() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        let mut bytes = painted(format, 3_000, 1_500);
        // What hides behind a picture does not come through.
        bytes.extend_from_slice(b"<script>alert(1)</script>");
        let pages = pages("写真.xyz", &bytes).await;
        assert_eq!((pages.of, pages.total, pages.pages.len()), (Painted::Picture, 1, 1), "{format:?}");
        let page = &pages.pages[0];
        assert_eq!((page.width, page.height), (1_240, 620), "{format:?}");
        assert!(!page.png.windows(8).any(|window| window == b"<script>"));
        let seen = image::load_from_memory_with_format(&page.png, ImageFormat::Png).unwrap().to_rgb8();
        assert_eq!((seen.width(), seen.height()), (1_240, 620));
        let ([left, ..], [.., right]) = (seen.get_pixel(100, 300).0, seen.get_pixel(1_100, 300).0);
        assert!(left > 150 && right > 150, "{format:?}: {left} {right}");
    }
}

#[tokio::test]
async fn a_pdf_shows_its_first_pages_with_japanese_that_is_not_in_it() {
    let file = document(7, &written("資格取得届"), &[]);
    let pages = pages("届.pdf", &file).await;
    assert_eq!((pages.of, pages.total, pages.pages.len()), (Painted::Pdf, 7, 5));
    if let Ok(folder) = std::env::var("KX_SEE") {
        std::fs::write(format!("{folder}/page.png"), &pages.pages[0].png).unwrap();
    }
    let seen = image::load_from_memory(&pages.pages[0].png).unwrap().to_luma8();
    assert!(seen.width() >= 1_180 && seen.height() > seen.width(), "{}x{}", seen.width(), seen.height());
    let dark = seen.pixels().filter(|pixel| pixel.0[0] < 100).count();
    assert!(dark > 2_000, "five characters of 36 points are seen: {dark} dark pixels");
}

#[tokio::test]
async fn the_first_sheet_that_people_see_is_a_table() {
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row r="3"><c r="B3"><v>1234.5</v></c><c r="C3" s="1"><v>46348</v></c><c r="D3" t="b"><v>1</v></c><c r="E3" t="inlineStr"><is><t>&lt;b&gt;太字</t></is></c></row>"#;
    let table = table("賞与.xlsx", &workbook(rows, &["氏名", "支払日"])).await;
    assert_eq!(table.source, Source::Sheet { name: "賞与支払届".to_owned(), of: 2 });
    let expected: Vec<Vec<&str>> =
        vec![vec!["氏名", "", "支払日"], vec![], vec!["", "1234.5", "2026/11/22", "TRUE", "<b>太字"]];
    assert_eq!(table.rows, expected);
}

#[tokio::test]
async fn what_is_not_shown_says_why() {
    let mut locked = zipped(&[("届.csv", b"1")]);
    // The bit of encryption, in the header of the entry and in the list of contents.
    locked[6] |= 1;
    let list = locked.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    locked[list + 8] |= 1;
    let compound = |name: &str| {
        let mut file = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
        file.resize(1024, 0);
        file.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        file.resize(4096, 0);
        file
    };
    let password =
        pdf(&[b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(), b"<< /Type /Pages /Kids [] /Count 0 >>".to_vec()]);
    let password = String::from_utf8_lossy(&password).replace(
        "/Root 1 0 R",
        "/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF> /U <FF112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF> >>",
    );
    let cases: Vec<(&str, Vec<u8>, Refusal)> = vec![
        ("空.csv", Vec::new(), Refusal::Empty),
        ("x.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0".to_vec(), Refusal::Unknown),
        ("届.zip", locked, Refusal::Locked),
        ("届.zip", zipped(&[("届.csv", b"1")]), Refusal::Archive),
        ("届.7z", b"7z\xBC\xAF\x27\x1C\0\x04\0\0".to_vec(), Refusal::Archive),
        ("届.docx", zipped(&[("word/document.xml", b"<a/>")]), Refusal::Office),
        ("届.xlsx", compound("EncryptedPackage"), Refusal::Locked),
        ("届.doc", compound("WordDocument"), Refusal::Office),
        ("届.xls", compound("Workbook"), Refusal::Damaged),
        ("届.pdf", password.into_bytes(), Refusal::Locked),
        ("届.pdf", b"%PDF-1.7\nnothing".to_vec(), Refusal::Damaged),
        ("届.png", painted(ImageFormat::Png, 400, 400)[..200].to_vec(), Refusal::Damaged),
        ("届.xlsx", workbook("", &[])[..700].to_vec(), Refusal::Damaged),
    ];
    for (name, bytes, why) in cases {
        let shown = shown(name, &bytes).await;
        assert_eq!(shown, Preview::Refused(why), "{name}: {}", summary(&shown));
        let (japanese, english) = why.words();
        assert!(!japanese.is_ascii() && english.is_ascii() && why.code().starts_with("preview."));
    }
}

#[tokio::test]
async fn what_does_not_verify_is_not_looked_at() {
    let file = written("x");
    let subject = Subject { name: None, size: file.len() as u64 };
    let ours = previewer();
    let refused = ours.show(subject, move |mut intake| {
        intake.write_all(&file).unwrap();
        Err::<_, &str>("damaged")
    });
    assert_eq!(refused.await, Err("damaged"));
    let nothing = Subject { name: None, size: 3 };
    let gone = kenpo_express::gateway::preview::Previewer::new("/no/such/program".into());
    let shown = gone.show(nothing, Ok::<_, Infallible>).await;
    assert_eq!(shown, Ok(Preview::Refused(Refusal::Stopped)), "a program that is not there is no panic");
}

#[tokio::test]
async fn a_received_file_is_shown_when_it_verifies_and_never_else() {
    let world = GatewayWorld::new().await;
    let mut hanako = world.sender("hanako-1").await;
    let id: MessageId = world.send(&mut hanako, &shift_jis(ROWS));
    world.pull().await;
    let found = Revealable::find(&world.receiver, id).await.unwrap();
    let Preview::Table(table) = previewer().received(&found).await.unwrap() else { panic!("no table") };
    assert_eq!(table.rows, expected_owned());
    let path = world.file(&world.find(id).await.unwrap());
    let mut sealed = std::fs::read(&path).unwrap();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    std::fs::write(&path, sealed).unwrap();
    let damaged = previewer().received(&found).await;
    assert!(matches!(damaged, Err(RevealError::Damaged(_))), "{damaged:?}");
}

#[tokio::test]
async fn a_text_object_in_a_pdf_stream_is_read() {
    // A page whose picture is inside of a form.
    let form = stream("/Type /XObject /Subtype /Form /BBox [0 0 595 842]", b"0 0 595 842 re f");
    let pages = pages("届.pdf", &document(1, b"/X Do", &[form])).await;
    let seen = image::load_from_memory(&pages.pages[0].png).unwrap().to_luma8();
    assert!(seen.pixels().filter(|pixel| pixel.0[0] < 100).count() > 1_000_000);
}
