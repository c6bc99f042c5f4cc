//! A real Chromium, driven by its chromedriver, that trusts no network and keeps nothing.

mod wire;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::prelude::*;

use crate::exchange_support::free_ports;
use wire::Wire;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser window.
pub(crate) struct Window {
    pub(crate) driver: WebDriver,
    process: Child,
    _profile: TempDir,
}

impl Window {
    /// Of this size inside, light or dark.
    pub(crate) async fn open((width, height): (u32, u32), dark: bool) -> Self {
        let (profile, port) = (tempfile::tempdir().unwrap(), free_ports());
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
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
        let address = format!("http://127.0.0.1:{port}");
        let began = std::time::Instant::now();
        let driver = loop {
            let opened = WebDriver::builder(address.as_str(), wanted.clone()).client(Wire).await;
            match opened {
                Ok(driver) => break driver,
                Err(error) => assert!(began.elapsed() < PATIENCE, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let window = Self { driver, process, _profile: profile };
        // The window has a frame; what counts is what a page has.
        let inside = window.run("return [outerWidth - innerWidth, outerHeight - innerHeight]").await;
        let (more_width, more_height) = (inside[0].as_u64().unwrap(), inside[1].as_u64().unwrap());
        let (width, height) = (u64::from(width) + more_width, u64::from(height) + more_height);
        let (width, height) = (u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
        window.driver.set_window_rect(0, 0, width, height).await.unwrap();
        window
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.driver.clone().quit().await.unwrap();
    }

    /// What a script answers.
    pub(crate) async fn run(&self, script: &str) -> serde_json::Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    pub(crate) async fn go(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    /// Waits until the page has this.
    pub(crate) async fn wait(&self, selector: &str) -> WebElement {
        let began = std::time::Instant::now();
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
        let began = std::time::Instant::now();
        while !self.address().await.contains(part) {
            assert!(began.elapsed() < PATIENCE, "not at {part} but at {}", self.address().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.wait("main").await;
    }

    pub(crate) async fn address(&self) -> String {
        self.driver.current_url().await.unwrap().to_string()
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.wait(selector).await.send_keys(text).await.unwrap();
    }

    /// Clicks. A part of a page that is live may be replaced while the mouse is on its way.
    pub(crate) async fn click(&self, selector: &str) {
        let began = std::time::Instant::now();
        while let Err(error) = self.wait(selector).await.click().await {
            assert!(began.elapsed() < PATIENCE, "{selector} cannot be clicked: {error}");
        }
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        self.driver.action_chain().send_keys(key).perform().await.unwrap();
    }

    /// A picture of the window, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/console-pictures");
        std::fs::create_dir_all(&folder).unwrap();
        let file: PathBuf = folder.join(format!("{name}.png"));
        self.driver.screenshot(&file).await.unwrap();
    }

    /// What axe-core finds on this page that is serious or worse.
    pub(crate) async fn faults(&self) -> Vec<String> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&file).expect("tests/run fetches axe-core");
        self.driver.execute(axe, Vec::new()).await.unwrap();
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

impl Drop for Window {
    fn drop(&mut self) {
        // Its browser goes with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
