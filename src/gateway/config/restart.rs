//! What counts only from the next start on.

use super::GatewaySettings;

impl GatewaySettings {
    /// Which sections are otherwise in `new`, and stay as they are here for as long as the gateway runs.
    pub fn waiting_for_restart(&self, new: &Self) -> Vec<&'static str> {
        let same = [
            ("certificates", self.certificates == new.certificates),
            ("revocation", self.revocation.required == new.revocation.required),
            ("storage", self.storage == new.storage),
            ("pull", self.pull == new.pull),
            ("send", self.send == new.send),
            ("api", self.api == new.api),
            ("handoff", self.handoff == new.handoff),
            ("hooks", self.hooks == new.hooks),
            ("scan", self.scan == new.scan),
            ("mail", self.mail == new.mail),
            ("notices", self.notices == new.notices),
            ("alerts", self.alerts == new.alerts),
            ("metrics", self.metrics == new.metrics),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(section, _)| section).collect()
    }
}
