//! A real Chromium, driven by its chromedriver, that trusts no network and keeps nothing.

pub(crate) mod flows;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::common::print::{PrintMargins, PrintPage, PrintParameters};
use thirtyfour::prelude::*;

use crate::exchange_support::free_ports;
use wire::Wire;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where files are saved, within the folder of the browser.
const DOWNLOADS: &str = "downloads";

/// A browser window.
pub(crate) struct Window {
    pub(crate) driver: WebDriver,
    process: Child,
    profile: TempDir,
}

impl Window {
    /// Of this size inside, light or dark.
    pub(crate) async fn open((width, height): (u32, u32), dark: bool) -> Self {
        let (profile, port) = (tempfile::tempdir().unwrap(), free_ports());
        // It ends with the thread of the test, however that ends, and its browser with it.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver", &format!("--port={port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is there: tests/run installs it");
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary("/usr/bin/chromium").unwrap();
        let scheme = u8::from(!dark);
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            // It ends with its driver, however that ends.
            "--remote-debugging-pipe",
            "--lang=ja",
            &format!("--user-data-dir={}", profile.path().display()),
            &format!("--window-size={width},{height}"),
            &format!("--blink-settings=preferredColorScheme={scheme}"),
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.accept_insecure_certs(true).unwrap();
        let downloads = profile.path().join(DOWNLOADS);
        std::fs::create_dir(&downloads).unwrap();
        let wishes = json!({ "download.default_directory": downloads, "download.prompt_for_download": false });
        wanted.add_experimental_option("prefs", wishes).unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        let driver = loop {
            let opened = WebDriver::builder(address.as_str(), wanted.clone()).client(Wire).await;
            match opened {
                Ok(driver) => break driver,
                Err(error) => assert!(began.elapsed() < PATIENCE, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let window = Self { driver, process, profile };
        // The window has a frame; what counts is what a page has.
        let inside = window.run("return [outerWidth - innerWidth, outerHeight - innerHeight]").await;
        let (more_width, more_height) = (inside[0].as_u64().unwrap(), inside[1].as_u64().unwrap());
        let (width, height) = (u64::from(width) + more_width, u64::from(height) + more_height);
        let (width, height) = (u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
        window.driver.set_window_rect(0, 0, width, height).await.unwrap();
        window
    }

    /// Where it saves files.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.profile.path().join(DOWNLOADS)
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.driver.clone().quit().await.unwrap();
    }

    /// What a script that only looks answers. Where another page takes this one's place meanwhile, it looks at that one.
    pub(crate) async fn run(&self, script: &str) -> serde_json::Value {
        let began = Instant::now();
        loop {
            match self.driver.execute(script, Vec::new()).await {
                Ok(answer) => return answer.json().clone(),
                Err(error) => assert!(began.elapsed() < PATIENCE && is_navigation(&error), "{script}: {error}"),
            }
        }
    }

    pub(crate) async fn go(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    /// Waits until the page has this.
    pub(crate) async fn wait(&self, selector: &str) -> WebElement {
        let began = Instant::now();
        loop {
            if let Ok(found) = self.driver.find(By::Css(selector)).await {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "no {selector} at {}", self.address().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the address has this in it.
    pub(crate) async fn arrive(&self, part: &str) {
        self.leave(|address| address.contains(part), part).await;
    }

    /// Waits until the address is another one.
    pub(crate) async fn leave_from(&self, before: &str) {
        self.leave(|address| address != before, "another page").await;
    }

    async fn leave(&self, is_there: impl Fn(&str) -> bool, what: &str) {
        let began = Instant::now();
        loop {
            let address = self.address().await;
            if is_there(&address) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "not at {what} but at {address}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.wait("main").await;
    }

    /// The address of the page that is loaded or being loaded.
    pub(crate) async fn address(&self) -> String {
        self.run("return location.href").await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.wait(selector).await.send_keys(text).await.unwrap();
    }

    /// Clicks. A part of a page that is live may be replaced while the mouse is on its way.
    pub(crate) async fn click(&self, selector: &str) {
        self.once("click", async || self.wait(selector).await.click().await).await;
    }

    /// Presses a key, wherever the focus is: a letter, or `Enter`.
    pub(crate) async fn press(&self, key: &str) {
        self.wait("html[data-ready]").await;
        self.once("keydown", async || self.key("keyDown", key, false).await).await;
        // If it led elsewhere, the other page has it go up.
        self.key("keyUp", key, false).await.unwrap();
    }

    /// A key that was pressed stays down, and repeats itself.
    pub(crate) async fn hold(&self, key: &str) {
        self.key("keyDown", key, true).await.unwrap();
    }

    /// By the browser itself: its driver, told to press a key, presses it again on the page that the first one led to.
    async fn key(&self, kind: &str, key: &str, is_repeated: bool) -> WebDriverResult<()> {
        let (text, code) =
            if key == "Enter" { ("\r", 13) } else { (key, u32::from(key.to_ascii_uppercase().as_bytes()[0])) };
        let event = json!({
            "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code, "autoRepeat": is_repeated,
        });
        self.driver.cdp().send_raw("Input.dispatchKeyEvent", event).await.map(drop)
    }

    /// Types into what has the focus.
    pub(crate) async fn write(&self, text: &str) {
        self.driver.cdp().send_raw("Input.insertText", json!({ "text": text })).await.unwrap();
    }

    /// Does something that the page hears of, once. Whatever leads to another page may be answered with a fault because this one is
    /// gone; whether it was done the page itself has noted, where the next one finds it.
    async fn once(&self, event: &str, act: impl AsyncFn() -> WebDriverResult<()>) {
        let began = Instant::now();
        loop {
            // A page that is being loaded may take the place of the one that would be acted on.
            while self.run("return document.readyState").await != "complete" {
                assert!(began.elapsed() < PATIENCE, "{} is never loaded", self.address().await);
            }
            self.run(&format!(
                "sessionStorage.removeItem('heard');
                 addEventListener('{event}', () => sessionStorage.setItem('heard', 'yes'), {{ capture: true, once: true }})"
            ))
            .await;
            let Err(error) = act().await else { return };
            if self.run("return sessionStorage.getItem('heard')").await == "yes" {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{event}: {error}");
        }
    }

    /// Cuts its line, or mends it.
    pub(crate) async fn set_line(&self, works: bool) {
        let state = json!({ "offline": !works, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.driver.cdp().send_raw("Network.enable", json!({})).await.unwrap();
        self.driver.cdp().send_raw("Network.emulateNetworkConditions", state).await.unwrap();
    }

    /// Waits until a script that only looks says yes.
    pub(crate) async fn until(&self, script: &str) {
        let began = Instant::now();
        while self.run(&format!("return Boolean({script})")).await != true {
            assert!(began.elapsed() < PATIENCE, "never at {}: {script}", self.address().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A picture of the window, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/console-pictures");
        self.picture_at(&folder.join(format!("{name}.png"))).await;
    }

    /// A picture of the window in this file.
    pub(crate) async fn picture_at(&self, file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        self.driver.screenshot(file).await.unwrap();
    }

    /// The page as it is printed on A4 with the browser's own settings: a PDF, kept beside the pictures.
    pub(crate) async fn print(&self, name: &str) -> Vec<u8> {
        let page = PrintPage { width: 21.0, height: 29.7 };
        let margin = PrintMargins { top: 1.3, bottom: 1.3, left: 1.8, right: 1.8 };
        let printed =
            self.driver.print_page(PrintParameters { page, margin, ..PrintParameters::default() }).await.unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/console-pictures");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.pdf")), &printed).unwrap();
        printed
    }

    /// What axe-core finds on this page that is serious or worse.
    pub(crate) async fn faults(&self) -> Vec<String> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&file).expect("tests/run fetches axe-core");
        self.run(&axe).await;
        let script = "const done = arguments[arguments.length - 1];
             axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations
                 .filter((one) => one.impact === 'serious' || one.impact === 'critical')
                 .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}: ${node.failureSummary}`))));";
        let found = self.driver.execute_async(script, Vec::new()).await.unwrap().json().clone();
        serde_json::from_value(found).unwrap()
    }

    /// Whether something sticks out to the right of the window.
    pub(crate) async fn is_too_wide(&self) -> bool {
        self.run("return document.documentElement.scrollWidth > innerWidth").await.as_bool().unwrap()
    }
}

/// Whether the driver gave up because another page took this one's place.
fn is_navigation(error: &WebDriverError) -> bool {
    let said = error.to_string();
    ["aborted by navigation", "Execution context was destroyed", "Cannot find context"]
        .iter()
        .any(|one| said.contains(one))
}

impl Drop for Window {
    fn drop(&mut self) {
        // Its browser goes with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
