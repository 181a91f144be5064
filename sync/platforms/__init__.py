"""The platforms there are: kind → class, loaded only when configured."""

PLATFORMS = {
    "cobot": "sync.platforms.cobot:Cobot",
    "hive": "sync.platforms.hive:Hive",
    "file": "sync.platforms.file:FilePlatform",
}
