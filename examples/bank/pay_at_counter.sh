#!/bin/sh
# A bank's counter: asks payclear for the bill of a number, takes the money and says so, by curl and openssl alone.
#
#   sh examples/bank/pay_at_counter.sh NUMBER [ADDRESS [ACCOUNT]]
#
# NUMBER is what the citizen shows: a payment code, a dossier code or a decision number. DEMO ONLY: the key beside this
# script is public, and only the demonstration's account knows it. docs/banks.md describes each message.
set -eu

number=${1:?usage: sh examples/bank/pay_at_counter.sh NUMBER [ADDRESS [ACCOUNT]]}
address=${2:-http://127.0.0.1:8000}
account=${3:-collection-demo}
key="$(dirname "$0")/demo_only_key.pem"
host=${address#*://}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# say OPERATION BODY: sign the message (RFC 9421, Ed25519), send it, leave the reply in $folder/reply.
say() {
    path="/collection/$account/$1"
    digest="sha-256=:$(printf %s "$2" | openssl dgst -sha256 -binary | openssl base64 -A):"
    covered='("@method" "@authority" "@path" "content-digest" "content-type")'
    covered="$covered;created=$(date +%s);keyid=\"bank-demo-1\";nonce=\"$(openssl rand -hex 12)\""
    covered="$covered;tag=\"payclear-collection\""
    printf '"@method": POST\n"@authority": %s\n"@path": %s\n"content-digest": %s\n"content-type": application/json\n"@signature-params": %s' \
        "$host" "$path" "$digest" "$covered" >"$folder/base"
    openssl pkeyutl -sign -rawin -inkey "$key" -in "$folder/base" -out "$folder/signature"
    status=$(curl --silent --show-error --max-time 30 --output "$folder/reply" --write-out '%{http_code}' \
        --header 'Content-Type: application/json' \
        --header "Content-Digest: $digest" \
        --header "Signature-Input: bank=$covered" \
        --header "Signature: bank=:$(openssl base64 -A -in "$folder/signature"):" \
        --data-binary "$2" "$address$path")
    printf '%s %s\n' "$status" "$(cat "$folder/reply")"
    [ "$status" = 200 ]
}

# member NAME: the first value of that name in the reply.
member() {
    tr '{' '\n' <"$folder/reply" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}

stamp=$(date -u +%Y%m%d%H%M%S)
escaped=$(printf %s "$number" | sed 's/[\\"]/\\&/g')

echo "Hỏi khoản phải nộp / ask for the bill of $number"
say bills/inquire "{\"message_id\":\"INQ-$stamp-$$\",\"document_no\":\"$escaped\"}"

bill_id=$(member bill_id)
amount=$(member amount)
bank_ref="FT$stamp$$"
echo "Thu $amount đồng tiền mặt / take $amount đồng in cash, $bank_ref"
say payments "{\"bank_ref\":\"$bank_ref\",\"bill_id\":\"$bill_id\",\"amount\":$amount,\"currency\":\"VND\",\"paid_at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"channel\":\"COUNTER_BRANCH\",\"instrument\":\"CASH\"}"
