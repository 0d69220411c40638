import CRE2

/// What kind of thing a user agent names: uap-core does not say, so this is our rule (docs/enrichments.md).
///
/// The first line that fits decides. Words are compared with their case, in the user agent's text.
///
/// | type | when |
/// | --- | --- |
/// | Bot | the device's family is `Spider` |
/// | TV | the text has `SmartTV`, `Smart-TV`, `SMART-TV`, `HbbTV`, `AppleTV`, `Apple TV`, `GoogleTV`, `Android TV`, `BRAVIA`, `Roku`, `CrKey`, `Web0S`, `NetCast`, `AFT` after `; `, or the system is `tvOS` or `ATV OS X` |
/// | Console | the text has `PlayStation`, `PLAYSTATION`, `Xbox`, `Nintendo` |
/// | Wearable | the system is `watchOS`, or the text has `Watch OS`, `watchOS`, `Wear OS`, `Apple Watch`, `SM-R` after a blank |
/// | Tablet | the text has `iPad`, `Tablet`, `PlayBook`, `Kindle`, `Silk/`, `Nexus 7`, `Nexus 9`, `Nexus 10`; or `Android` without `Mobile` |
/// | Mobile | the text has `Mobi`, `iPhone`, `iPod`, `Android`, `Windows Phone`, `BlackBerry`, `BB10`, `Symbian`, `SymbOS`, `Opera Mini`, `MIDP`, `KAIOS` |
/// | Desktop | the system is known: Windows, Mac OS X, Chrome OS, a Linux, a BSD, Solaris |
///
/// Everything else has none.
public enum DeviceType: String, Sendable {
    case bot = "Bot"
    case tv = "TV"
    case console = "Console"
    case wearable = "Wearable"
    case tablet = "Tablet"
    case mobile = "Mobile"
    case desktop = "Desktop"

    /// Decides; nil where nothing fits.
    init?(of agent: UserAgent, text: UnsafeRawBufferPointer) {
        let system = agent.system ?? []
        func isSystem(_ names: StaticString...) -> Bool {
            names.contains { name in
                system.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            }
        }
        func has(_ words: StaticString...) -> Bool { words.contains { contains(text, $0) } }
        if agent.isBot {
            self = .bot
        } else if isSystem("tvOS", "ATV OS X")
            || has(
                "SmartTV",
                "Smart-TV",
                "SMART-TV",
                "HbbTV",
                "AppleTV",
                "Apple TV",
                "GoogleTV",
                "Android TV",
                "BRAVIA",
                "Roku",
                "CrKey",
                "Web0S",
                "NetCast",
                "; AFT"
            )
        {
            self = .tv
        } else if has("PlayStation", "PLAYSTATION", "Xbox", "Nintendo") {
            self = .console
        } else if isSystem("watchOS") || has("Watch OS", "watchOS", "Wear OS", "Apple Watch", " SM-R") {
            self = .wearable
        } else if has("iPad", "Tablet", "PlayBook", "Kindle", "Silk/", "Nexus 7", "Nexus 9", "Nexus 10")
            || (has("Android") && !has("Mobile"))
        {
            self = .tablet
        } else if has(
            "Mobi",
            "iPhone",
            "iPod",
            "Android",
            "Windows Phone",
            "BlackBerry",
            "BB10",
            "Symbian",
            "SymbOS",
            "Opera Mini",
            "MIDP",
            "KAIOS"
        ) {
            self = .mobile
        } else if isSystem(
            "Windows",
            "Mac OS X",
            "Mac OS",
            "Chrome OS",
            "Linux",
            "Ubuntu",
            "Debian",
            "Fedora",
            "Red Hat",
            "SUSE",
            "Gentoo",
            "Arch Linux",
            "CentOS",
            "Kubuntu",
            "Linux Mint",
            "Mandriva",
            "Slackware",
            "FreeBSD",
            "OpenBSD",
            "NetBSD",
            "DragonFly BSD",
            "Solaris"
        ) {
            self = .desktop
        } else {
            return nil
        }
    }
}

private func contains(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    tagstream_find(text.baseAddress, text.count, word.utf8Start, word.utf8CodeUnitCount) >= 0
}
