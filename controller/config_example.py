"""The example that `doorward config example` prints: every key, most at their defaults."""

EXAMPLE = """\
# Doorward: the whole configuration. Every key is explained in docs/configuration.md.
# Check it with:  doorward config check
# Lengths of time: "90s", "5m", "72h", "7d". Relative paths count from this file's directory.

[site]
name = "Harbour Loft"            # shown on reports and pages
data = "/var/lib/doorward"       # cache.db, journal.db and device.key
run = "/run/doorward"            # sockets by which the commands reach the two processes
zone = "Europe/Berlin"           # of the doors' own hours
holidays = [2026-12-25]          # days on which doors do not unlock by themselves
forgive_at = "04:00"             # when every day it is forgotten who is in which area
pin_digits = 4                   # shorter PINs open nothing; each PIN needs a thousand codes

[clock]
trust = "auto"                   # "always": this machine's host keeps its time
guessed = "deny"                 # "allow": when hours or an end decide and the clock is a guess
simulated = false                # true: for a sandbox only, `doorward sim clock` moves the clock

[journal]
keep = "400d"                    # events older than this go, once their check-in is settled
max_mib = 512                    # ... and the oldest of them, when the file grows beyond this

[sync]
every = "5m"                     # how often each platform is asked
lost_share = 0.2                 # refuse a roster that takes access from more than this share ...
lost_least = 10                  # ... if at least so many people lose it; a person must accept it

[live]
deadline = "1.5s"                # how long somebody waits while platforms are asked (doors' live)

# Where platforms that call us reach this machine; nothing listens unless one does.
[http]
console = true                   # the console for browsers; log in after: doorward users add NAME
address = "127.0.0.1"            # behind a proxy or a tunnel; another one needs a certificate
port = 8460
# certificate = "/etc/doorward/cert.pem"
# certificate_key = "/etc/doorward/cert-key.pem"
trusted_proxies = []             # e.g. ["127.0.0.1"]: its X-Forwarded-For and -Proto are believed
metrics = false                  # true: /metrics for Prometheus
# metrics_token = { file = "/etc/doorward/metrics-token" }  # who asks must carry it
api = false                      # true: the HTTP API (docs/api.md), also without a platform "api"

# Mail to visitors with a booking; without this table nothing is mailed.
[mail]
server = "smtp.example.org"
port = 587
security = "starttls"            # or "tls"; "none" only for a server on this machine
user = "doors@example.org"
password = { file = "/etc/doorward/mail-password" }
sender = "doors@example.org"     # shown with the site's name
# reply_to = "desk@example.org"
subject = "Your PIN for {{ room }}"
# template = "/etc/doorward/visitor.txt"  # print one to begin with: doorward mail template
cancelled_subject = "Your booking of {{ room }} is cancelled"
# cancelled_template = "/etc/doorward/visitor-cancelled.txt"
# ca_file = "/etc/doorward/ca.pem"  # instead of the usual authorities

# Who is told when something is wrong, once, and when it is over; without this table nobody is.
[alerts]
to = ["desk@example.org"]        # by mail; targets are told if their events name alert_raised
kinds = []                       # only these (docs/reference.md); all if none is named
queue_older_than = "1h"          # a check-in that waits so long to be told
roster_older_than = "6h"         # a platform that was not fetched for so long
disk_below_mib = 300             # less room than this on the disk

# How old what a platform said may become before its people are warned about, or refused.
[[staleness]]
labels = ["plan:*"]
warn_after = "24h"
deny_after = "7d"

# Areas that doors lead into (doors' outside and inside); who is in one cannot enter it again.
[areas.loft]
name = "The loft"
passback = "soft"                # report; "hard": refuse; "off"

# A card that was at another door sooner ago than anybody needs: a copy. The first that fits rules.
[[journeys]]
between = []                     # these doors; none: any two
takes = "10s"                    # the least time between them
then = "report"                  # "refuse"

# One table for each door.
[doors.front]
name = "Front door"
admits = ["plan:42", "harbour/plan:*", "keyholders/*"]  # who may enter; scoped: platform/label
refuses = []                     # wins over admits
check_in = true                  # tell the platform who came
no_pass = "deny"                 # "admit": let members in who have no pass left, and report it
live = "never"                   # ask the platforms before refusing: "unknown", "no_pass", "both"
open_for = "5s"                  # how long the lock is released
relock = "time"                  # "open": as soon as the door is opened
check_in_on = "grant"            # "open": only who really opened has used a pass
held_warning = "30s"             # open for so long is a warning ...
held_after = "1m"                # ... and for so long an alarm; 0s is off
exit = "unlock"                  # "shunt": the button only says that the opening is no break-in
on_fire = "report"               # "unlock": the lock is released too; egress is wiring all the same
stuck_after = "5m"               # an exit button pressed for so long is an alarm
interlock = []                   # doors of which none may be open for this one to open
duress = false                   # true: a PIN with its last digit one too high calls for help
anti_passback = "0s"             # how long the same person is refused after an entry; 0s is off
outside = ""                     # the area it leads from; "": the street
inside = "loft"                  # the area it leads into
repeat_after = "2s"              # the same card held to a reader counts once in so long
# energize: what the relay does when it is on. chip = "" is the header of a Raspberry Pi.
lock = { driver = "gpio-relay", chip = "", pin = 17, active_high = true, energize = "unlock" }
# normally: how its circuit is while the door is shut; pull = "up": it closes to ground
contact = { driver = "gpio-input", pin = 24, normally = "closed", pull = "up", debounce = "100ms" }
exit_button = { driver = "gpio-input", pin = 25, normally = "open" }
indicator = { driver = "gpio-indicator", green = 5, red = 6, buzzer = 13, active_high = true }
# Relay boards (docs/hardware.md says which; the last two need the extra doorward[modbus]):
#   lock = { driver = "serial-relay", port = "/dev/serial/by-id/…", channel = 1 }
#   lock = { driver = "modbus-relay", host = "10.0.0.5", unit = 1, channel = 1, pulse = "board" }
#   contact = { driver = "modbus-input", port = "/dev/…", channel = 2, normally = "closed",
#     table = "input-register", value_closed = [900, 1100], value_open = [1900, 2100] }
tamper = { driver = "sim" }
fire = { driver = "sim" }

# In these hours, or always, a card alone is not enough.
[[doors.front.demands]]
begin = "22:00"
end = "05:59"
weekdays = []                    # 1 (Monday) to 7; none: every day
strength = "weak"                # "pin", "weak", "wiegand", "secure": the weakest that will do
pin = true                       # the person's PIN after the card
persons = 1                      # so many, one after the other

# In these hours the door stands unlocked.
[[doors.front.unlocked]]
begin = "09:00"
end = "16:59"
weekdays = [1, 2, 3, 4, 5]
first_person = true              # only once somebody has entered in them
holidays = "locked"              # "as usual"

# `card`: how this reader writes numbers. To find out:  doorward cards match --read X --stored Y
[doors.front.readers.main]
driver = "serial"
port = "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"  # "1A86:7523", "socket://host:port"
baud = 9600
parity = "none"                  # "even", "odd"
stopbits = 1                     # 2
bytesize = 8                     # 7
framing = "lines"                # "stx": RDM6300, ID-12, ID-20
require_checksum = true          # false: for stx modules that send wrong checksums
card = { format = "hex", keep_bits = 32, byte_order = "as-read" }  # or "reversed"

[doors.front.readers.desk]        # types like a keyboard
driver = "wedge"
device = "/dev/input/by-id/usb-Sycreader_USB_Reader-event-kbd"  # or "FFFF:0035"
layout = "us"                    # "uk", "de", "fr": that of the reader
card = { format = "dec10" }

[doors.front.readers.outside]
driver = "wiegand"
d0 = 22                          # GPIO numbers; 5 V wires need a level shifter
d1 = 23
chip = ""                        # label of the GPIO chip, if not a Pi's header
formats = ["26", "34", "35", "37"]
raw = []                         # e.g. [32]: so many bits whole, without parity
keypad = false                   # true: bursts of 4 and 8 bits are keys
pin_digits = 4
gap = "30ms"
spacing = "0.1ms"
edge = "falling"                 # "rising": behind a shifter that inverts
pull = "up"                      # "none"
card = { format = "bits" }
# pin_facility = 255             # 26 bits of this facility are a PIN

[doors.front.readers.phone]
driver = "pn532"
side = "inside"                  # by it one leaves; else "outside"
i2c = "/dev/i2c-1"               # or port = "/dev/serial/by-id/…" and baud
address = 0x24
every = "100ms"
repeat = "0s"                    # tell a card that stays there again after so long
card = { format = "hex" }

# OSDP readers (extra doorward[osdp]); `doorward osdp pair front/lift` makes the key file:
#   [doors.front.readers.lift]
#   driver = "osdp"
#   port = "/dev/serial/by-id/…"     # the RS-485 adapter
#   baud = 9600
#   address = 1
#   key = { file = "keys/lift.key" }
#   reader = 0                       # of a device that has several
#   card = { format = "bits" }
# and what else such a device has, each with its port, address and key:
#   lock = { driver = "osdp-output", output = 0, energize = "unlock" }
#   contact = { driver = "osdp-input", input = 0, normally = "closed" }
#   indicator = { driver = "osdp-indicator", led = 0, buzzer = true, display = true }

[doors.front.readers.keypad]
driver = "sim"
strength = "pin"                 # where you know better than the driver; also "secure" ...
card = { format = "pin" }

# One table for each platform.
[platforms.harbour]
kind = "cobot"
url = "https://harbour.cobot.me"
token = { file = "/etc/doorward/cobot-token" }  # or { credential = "cobot-token" } (systemd)
every = "5m"                     # instead of [sync] every
zone = "Europe/Berlin"           # else asked from the platform
day_ends = "04:00"               # when a visit without a span of its own ends
renewal_grace = "72h"            # a renewing member gets in so long though no sync could confirm it
late = "visit"                   # "push": tell late check-ins even after their visit is over
cards = [{ source = "tokens", format = "dec10" }]  # or "field:<label>" of a custom field
fields = ["Area"]                # custom fields whose values become labels: field:Area=Lab
no_access_plans = []             # ids of plans that open no door
bookings = false                 # true: booked rooms become labels resource:<id> ...
bookings_ahead = "14d"           # ... fetched so far ahead,
booking_before = "10m"           # good so long before the booking
booking_after = "10m"            # and so long after it
visitors = false                 # true: visitors with a booking get a PIN (Cobot's add-on)
# subdomain = "harbour"          # if url is a domain of the space's own
# www_url = "https://www.cobot.me"
# api2_url = "https://api.cobot.me"
# webhook_url = "https://door.example.org"  # where the internet reaches syncd: Cobot then calls
# ca_file = "/etc/doorward/ca.pem"  # instead of the usual authorities

[platforms.gym]
kind = "hive"
url = "https://api.example/hive/door-access"
key = { file = "/etc/doorward/hive-key" }
zone = "Europe/Berlin"           # Hive does not tell its own
day_ends = "00:00"
cards = [{ source = "door_access_id", format = "dec10" }]  # or "barcode_id"
doors = { front = "1234" }       # our door = Hive's door, for check-ins
confirm_at_most = 100            # if so many vanish at once, each is asked for before
# ca_file = "/etc/doorward/ca.pem"  # instead of the usual authorities

# Custom ACS: Nexudus calls https://…/nexudus/loft/groups and https://…/nexudus/loft/webhook.
[platforms.loft]
kind = "nexudus"
zone = "Europe/Berlin"           # Nexudus does not tell its own
webhook_token = { file = "/etc/doorward/nexudus-webhook" }  # the Webhook Bearer entered there
groups_token = { file = "/etc/doorward/nexudus-groups" }  # the Access Token entered there, if any
groups = { main = "Main entrance", lab = "Laboratory" }  # labels group:main, group:lab
locations = []                   # ids of the locations that count here; all if empty
cards = [
  { source = "accessCardId", format = "dec10" },
  { source = "keyFobNumber", format = "dec10" },
  { source = "accessPincode", format = "pin" },
]

[platforms.loft.api]             # may be left out: then nothing is asked of Nexudus
url = "https://spaces.nexudus.com"
user = "acs@example.org"         # an administrator kept for this alone, without two-factor login
password = { file = "/etc/doorward/nexudus-password" }  # or, instead of both, token = { file = … }
contracts = false                # true: plans of active contracts become labels plan:<id>
bookings = false                 # true: booked rooms become labels resource:<id> ...
bookings_ahead = "14d"           # ... fetched so far ahead,
booking_before = "10m"           # good so long before the booking
booking_after = "10m"            # and so long after it
visitors = false                 # true: visitors of a booking get a PIN
# check_in_at = 501              # entries become check-ins at this location; may sell passes
pause = "1s"                     # from one request to the next, at least
# ca_file = "/etc/doorward/ca.pem"  # instead of the usual authorities
# People whom other programs register over the HTTP API; `doorward tokens add` lets them.
[platforms.smartlock]
kind = "api"
zone = "Europe/Berlin"           # in which their hours are meant
card = { format = "hex" }        # how callers write cards; left out: 32:04A1B2C3

# A list of people on this machine, here those who must always get in.
[platforms.keyholders]
kind = "file"
path = "keyholders.csv"          # or a .json
card = { format = "hex", keep_bits = 32 }
keyholders = true                # they get in even when everything else is lost
zone = "Europe/Berlin"

# Programs elsewhere that are told what happens: docs/api.md says how to check the signature.
[targets.integration]
url = "https://integration.example/doors"
secret = { file = "/etc/doorward/integration-secret" }  # made by: openssl rand -hex 32
events = ["lock_opened", "access_denied", "door_forced", "door_held_open"]  # ["*"]: all
allow_private = false            # true: it may be in this machine's own network, over http
# ca_file = "/etc/doorward/ca.pem"  # instead of the usual authorities
"""
