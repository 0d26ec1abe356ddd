-- SPDX-License-Identifier: MIT
-- AES, HMAC and SHA-384 of luaossl. (Wireshark's GcryptCipher has AES but no HMAC, without which no key can be derived.)
local has_cipher, cipher = pcall(require, "openssl.cipher")
local has_hmac, hmac = pcall(require, "openssl.hmac")
local has_digest, digest = pcall(require, "openssl.digest")

local M = { available = has_cipher and has_hmac and has_digest }
if not M.available then return M end

local cbc, ecb = cipher.new("aes-256-cbc"), cipher.new("aes-256-ecb")

function M.sha384(text) return digest.new("sha384"):final(text) end

function M.hmac(key, text) return hmac.new(key, "sha384"):final(text) end

-- Both give nil when the library refuses.
function M.decrypt(key, iv, text) return (cbc:decrypt(key, iv, false):final(text)) end

function M.encrypt_block(key, block) return (ecb:encrypt(key, nil, false):final(block)) end

-- RFC 5869, with SHA-384.
function M.hkdf(secret, salt, info, len)
    local prk = M.hmac(salt == "" and ("\0"):rep(48) or salt, secret)
    local out, block, n = "", "", 0
    while #out < len do
        n = n + 1
        block = M.hmac(prk, block .. info .. string.char(n))
        out = out .. block
    end
    return out:sub(1, len)
end

return M
