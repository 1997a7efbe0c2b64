/** A certificate for the names of Azure's endpoints, made anew for every run, so that exporters post as in production: https, gzip, connection string alone. */
import { generateKeyPairSync, sign } from 'node:crypto'

/** In the domain for which the exporter compresses. Its connections are led to this machine, see guard.cjs. */
export const INGESTION_HOST = 'bench-0.in.applicationinsights.azure.com'
export const LIVE_HOST = 'bench.livediagnostics.monitor.azure.com'
const NAMES = ['*.in.applicationinsights.azure.com', '*.livediagnostics.monitor.azure.com', '*.sdk.monitor.azure.com']

const der = (tag, ...parts) => {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}
const sequence = (...parts) => der(0x30, ...parts)
const oid = (...bytes) => der(0x06, Buffer.from(bytes))
const time = date => der(0x17, Buffer.from(date.toISOString().replace(/^..|[-:T]|\.\d+/g, '')))

/** @returns PEM texts of an X.509 certificate that signs itself, valid for a day */
export function createCertificate () {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const name = sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(INGESTION_HOST)))))
  const names = sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...NAMES.map(each => der(0x82, Buffer.from(each))))))
  const now = Date.now()
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(now - 3_600_000)), time(new Date(now + 86_400_000))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(names))
  )
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign('sha256', body, privateKey)))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  }
}
