//! The child locks itself in before it reads a byte.

use std::fs::File;
use std::io;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::limits;

/// Japanese fonts of Debian, for PDFs that name a font and do not bring it along. The first face of each is the Japanese one.
const FONTS: [&str; 5] = [
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/truetype/takao-gothic/TakaoGothic.ttf",
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
];

/// Gives up all that painting does not need, for good: more memory and time than the limits say, files that grow, other processes, and every
/// new descriptor, so that it can neither open a file nor reach a network; then all that the kernel does for programs beside what painting
/// takes. What it keeps beside its three is one font, opened to be read.
pub(super) fn confine() -> io::Result<Option<File>> {
    let font = FONTS.iter().find_map(|path| File::open(path).ok());
    let wishes = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Nofile, 0),
        (Resource::Data, limits::MEMORY),
        (Resource::As, limits::ADDRESSES),
        (Resource::Cpu, limits::CPU_SECONDS),
    ];
    for (resource, most) in wishes {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    // Whoever looks at a file waits for it; a pull does not. Where this is forbidden it is no fault.
    let _ = nice(10);
    #[cfg(target_os = "linux")]
    super::filter::apply()?;
    Ok(font)
}
