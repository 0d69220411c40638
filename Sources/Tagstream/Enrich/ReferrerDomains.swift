/// Which domains are search engines, social networks, mail and so on.
///
/// Source: written by the authors of Tagstream from general knowledge, for this project; nothing was copied from another list.
/// Date: 2026-11-27. Changes are welcome: one line a name, first the kind, then the name, then the domains. A domain stands for
/// its subdomains, the longest counts; `google.*` stands for every country's domain.
enum ReferrerDomains {
    static let date = "2026-11-27"

    static let list = """
        search Google google.* googleusercontent.com com.google.android.googlequicksearchbox
        search Bing bing.com
        search Yahoo search.yahoo.com search.yahoo.co.jp yahoo.com yahoo.co.jp
        search DuckDuckGo duckduckgo.com
        search Baidu baidu.com
        search Yandex yandex.* ya.ru
        search Ecosia ecosia.org
        search Startpage startpage.com
        search Brave search.brave.com
        search Qwant qwant.com
        search Kagi kagi.com
        search Naver search.naver.com naver.com
        search Daum search.daum.net
        search Seznam search.seznam.cz seznam.cz
        search Sogou sogou.com
        search Ask ask.com
        search AOL search.aol.com aol.com
        search Swisscows swisscows.com
        search Mojeek mojeek.com
        search Presearch presearch.com
        social Facebook facebook.com fb.com fb.me messenger.com com.facebook.katana
        social Instagram instagram.com com.instagram.android
        social Threads threads.net threads.com
        social X twitter.com x.com t.co
        social LinkedIn linkedin.com lnkd.in com.linkedin.android
        social Reddit reddit.com redd.it
        social Pinterest pinterest.* pin.it
        social TikTok tiktok.com
        social Snapchat snapchat.com
        social WhatsApp whatsapp.com wa.me
        social Telegram telegram.org t.me org.telegram.messenger
        social Discord discord.com discord.gg discordapp.com
        social Slack slack.com com.slack
        social Bluesky bsky.app
        social Mastodon mastodon.social joinmastodon.org
        social Tumblr tumblr.com
        social Quora quora.com
        social VK vk.com vkontakte.ru
        social Weibo weibo.com weibo.cn
        social WeChat weixin.qq.com wechat.com
        social Line line.me
        social Xing xing.com
        social Medium medium.com
        social Substack substack.com
        social Hacker_News news.ycombinator.com
        social Product_Hunt producthunt.com
        social Stack_Overflow stackoverflow.com
        social GitHub github.com
        video YouTube youtube.com youtu.be
        video Vimeo vimeo.com
        video Twitch twitch.tv
        video Dailymotion dailymotion.com
        video Bilibili bilibili.com
        video Netflix netflix.com
        email Gmail mail.google.com com.google.android.gm
        email Outlook outlook.live.com outlook.office.com outlook.office365.com mail.live.com
        email Yahoo_Mail mail.yahoo.com
        email Proton_Mail mail.proton.me
        email AOL_Mail mail.aol.com
        email iCloud_Mail mail.icloud.com
        email GMX gmx.net gmx.de gmx.com
        email WEB.DE web.de
        email Zoho_Mail mail.zoho.com
        email Fastmail fastmail.com
        email Yandex_Mail mail.yandex.ru mail.yandex.com
        email Mail.ru e.mail.ru
        email QQ_Mail mail.qq.com
        email Mailchimp list-manage.com mailchi.mp
        ai ChatGPT chatgpt.com chat.openai.com
        ai Claude claude.ai
        ai Gemini gemini.google.com
        ai Perplexity perplexity.ai
        ai Copilot copilot.microsoft.com
        ai DeepSeek chat.deepseek.com
        ai Mistral chat.mistral.ai
        ai Grok grok.com
        ai Poe poe.com
        ai You.com you.com
        paid Google_Ads googleads.g.doubleclick.net doubleclick.net googleadservices.com googlesyndication.com
        paid Taboola taboola.com
        paid Outbrain outbrain.com
        paid Criteo criteo.com
        """
}
