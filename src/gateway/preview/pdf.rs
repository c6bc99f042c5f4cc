//! Pages of a PDF as pictures. Nothing in it is run: the painter knows neither scripts nor links nor forms.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::font::{FontData, FontQuery};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use super::limits;
use super::shown::Refusal;

/// Bytes of a font.
const FONT: u64 = 64 << 20;

/// Opens a PDF.
pub(super) fn open(bytes: &[u8]) -> Result<Pdf, Refusal> {
    // One that is encrypted otherwise than the painter knows looks damaged to it.
    let unread = || if bytes.windows(8).any(|word| word == b"/Encrypt") { Refusal::Locked } else { Refusal::Damaged };
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Refusal::Locked,
        LoadPdfError::Invalid => unread(),
    })?;
    if pdf.pages().is_empty() { Err(unread()) } else { Ok(pdf) }
}

/// Paints the first pages, and gives each away before it begins the next.
pub(super) fn paint<E>(pdf: &Pdf, font: Option<File>, mut give: impl FnMut(Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let (cache, settings, rendering) = (RenderCache::new(), with_font(font), RenderSettings::default());
    for page in pdf.pages().iter().take(limits::PAGES) {
        let Some(scale) = scale(page) else { continue };
        let pixels = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
        if let Ok(png) = render(page, &cache, &settings, &rendering, &pixels).into_png() {
            give(png)?;
        }
    }
    Ok(())
}

/// By what a page is multiplied to be as large as a picture may be, but no more than twice. None for a page without an area.
fn scale(page: &Page<'_>) -> Option<f32> {
    let (width, height) = page.render_dimensions();
    let fits = |most: u32, length: f32| f32::from(u16::try_from(most).expect("a picture is small")) / length;
    let scale = fits(limits::WIDTH, width).min(fits(limits::HEIGHT, height)).min(2.0);
    let is_sound = [width, height, scale].into_iter().all(|length| length.is_finite() && length > 0.0);
    (is_sound && width * scale >= 1.0 && height * scale >= 1.0).then_some(scale)
}

/// A font that is not in the PDF is taken from this machine, if it is a Japanese one, or else from those that come with the painter.
fn with_font(file: Option<File>) -> InterpreterSettings {
    let read = OnceLock::new();
    let japanese = move || -> Option<FontData> {
        let data: &Option<Arc<Vec<u8>>> = read.get_or_init(|| {
            let mut bytes = Vec::new();
            file.as_ref()?.take(FONT).read_to_end(&mut bytes).ok()?;
            Some(Arc::new(bytes))
        });
        data.clone().map(|data| data as FontData)
    };
    InterpreterSettings {
        font_resolver: Arc::new(move |query| match query {
            FontQuery::Standard(font) => Some(font.get_font_data()),
            FontQuery::Fallback(font) => {
                let own = || Some(font.pick_standard_font().get_font_data());
                if font.character_collection.is_none() {
                    return own();
                }
                japanese().map(|data| (data, 0)).or_else(own)
            }
        }),
        ..InterpreterSettings::default()
    }
}
