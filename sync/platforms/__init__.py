"""The platforms there are: kind → class, loaded only when configured."""

PLATFORMS = {
    "cobot": "sync.platforms.cobot:Cobot",
    "hive": "sync.platforms.hive:Hive",
    "nexudus": "sync.platforms.nexudus:Nexudus",
    "api": "sync.platforms.api:ApiPlatform",
    "file": "sync.platforms.file:FilePlatform",
}
