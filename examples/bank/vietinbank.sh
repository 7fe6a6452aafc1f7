#!/bin/sh
# VietinBank's counter, played by openssl and curl: a citizen pays a traffic fine in cash (messages 1100 and 1200).
# Start payclear with `make run`, then: sh examples/bank/vietinbank.sh [number of a fine or dossier, or payment code]
# Without a number a new fine is registered first, as a portal does it. Every key here is public: DEMO ONLY.
set -eu

PAYCLEAR=${PAYCLEAR:-http://127.0.0.1:8000}
ADDRESS=$PAYCLEAR/collection/vietinbank-demo
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
BANK_KEY=$HERE/vietinbank-demo-bank.pem
BILLER_KEY=$HERE/vietinbank-demo-biller.pub.pem
PORTAL_KEY=${PORTAL_KEY:-pk_dem0p0rta100_dem00n1ydem00n1ydem00n1ydem00n1ydem00n1ydem00n1y}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

local_time() { TZ=Asia/Ho_Chi_Minh date "$@"; }
# Fourteen digits, never given twice: the day, the time within it, the process.
reference() { printf '%s%06d' "$(local_time +%Y%m%d)" $((($(date +%s) * 7 + $$ + $1) % 1000000)); }
sign() { printf '%s' "$1" | openssl dgst -sha256 -sign "$BANK_KEY" | openssl base64 -A; }
# A number as it stands within quotation marks in JSON.
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$WORK/reply"; }

# call MSGTYPE DATA SIGNED_TEXT: what the bank sends; the reply is kept.
call() {
    printf '{"header":{"msgId":"DEMO%s","msgType":"%s","channelId":"211901","providerId":"DVC","merchantId":"DVC01","productId":"COLLECTION","timestamp":"%s","recordNum":"1","signature":"%s","encrypt":"N","gatewayId":"","username":"demo"},"data":%s}' \
        "$$" "$1" "$(local_time +%Y%m%d%H%M%S)" "$(sign "$3")" "$2" >"$WORK/message"
    curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary "@$WORK/message" "$ADDRESS" >"$WORK/reply"
}

# verify SIGNED_TEXT: believe no reply that payclear has not signed.
verify() {
    field signature | openssl base64 -d -A >"$WORK/signature"
    printf '%s' "$1" | openssl dgst -sha256 -verify "$BILLER_KEY" -signature "$WORK/signature" >/dev/null || {
        echo "The reply is not signed by payclear:" >&2
        cat "$WORK/reply" >&2
        exit 1
    }
}

NUMBER=${1:-}
if [ -z "$NUMBER" ]; then
    NUMBER=$(printf '%07d/QĐ-XPHC' $((($(date +%s) * 7 + $$) % 10000000)))
    ON=$(local_time +%Y-%m-%d)
    curl -sS --fail-with-body -o "$WORK/obligation" "$PAYCLEAR/v1/obligations" \
        -H "Authorization: Bearer $PORTAL_KEY" -H "Idempotency-Key: demo-$(reference 0)" -H 'Content-Type: application/json' \
        --data-binary @- <<JSON || { cat "$WORK/obligation" >&2; exit 1; }
{"kind": "traffic_fine", "agency_code": "A00.01", "obligor": {"name": "NGUYỄN VĂN MẪU"},
 "document": {"decision_no": "$NUMBER", "decided_on": "$ON", "served_on": "$ON", "served_method": "handed"},
 "lines": [{"type": "fine", "name": "Phạt vi phạm hành chính", "amount": 1250000,
            "beneficiary_account": "TK-A00-PHAT", "chapter": "000", "sub_item": "0000"}],
 "surcharge": {"beneficiary_account": "TK-A00-CHAMNOP", "chapter": "000", "sub_item": "0000"}}
JSON
    echo "A fine was registered: decision $NUMBER"
fi

TOLD=$(quoted "$NUMBER")

# 1100: what is owed?
ID=$(reference 1)
AT=$(local_time +%Y%m%d%H%M%S)
call 1100 "{\"transId\":\"$ID\",\"transTime\":\"$AT\",\"custCode\":\"$TOLD\",\"custAcct\":\"\"}" "$ID$AT$NUMBER"
CODE=$(field errorCode) NAME=$(field custName) BILL=$(field billId) AMOUNT=$(field amount)
verify "${ID}211901$AT$NUMBER$NAME$BILL$AMOUNT$CODE"
if [ "$CODE" != 00 ]; then
    echo "1110: $CODE, $(field errorDesc)"
    exit 1
fi
echo "1110: bill $BILL of $NAME, $AMOUNT VND"

# 1200: the cash is in the till.
ID=$(reference 2)
AT=$(local_time +%Y%m%d%H%M%S)
call 1200 "{\"records\":[{\"transId\":\"$ID\",\"originalId\":\"\",\"channelId\":\"211901\",\"recordNo\":\"1\",\"transTime\":\"$AT\",\"transType\":\"C\",\"paymentMethod\":\"CASH\",\"custCode\":\"$TOLD\",\"custName\":\"$NAME\",\"custAcct\":\"112000000001\",\"billId\":\"$BILL\",\"amount\":\"$AMOUNT\",\"balance\":\"$AMOUNT\",\"bankTransId\":\"CTG$ID\",\"remark\":\"NOP PHAT\",\"status\":{\"code\":\"00\",\"message\":\"Success\"},\"currencyCode\":\"VND\"}]}" \
    "$ID$AT$NUMBER${NAME}112000000001${AMOUNT}${AMOUNT}00CTG${ID}NOP PHAT"
CODE=$(field errorCode)
verify "$CODE$ID$AT$NUMBER${NAME}112000000001$AMOUNT$CODE"
echo "1210: $CODE, $(field errorDesc)"
[ "$CODE" = 00 ]
