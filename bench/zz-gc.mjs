import { startApp, startIngestion, startLoad, within } from './processes.mjs'
import fs from 'fs'
const [generator, ingestion] = await Promise.all([startLoad(), startIngestion({ latency: 150 })])
for (const peer of (process.argv[2]??'bare,ours,http-pino').split(',')) {
const app = await startApp(peer, ingestion.port, { flags: ['--require=/tmp/gc.cjs', ...(process.argv.slice(3))] })
const t = { port: app.port, connections: 32, letter: 'm' }
let n=0
for (let i=0;i<20;i++){ const m=await generator.ask('run', { ...t, count: 1000, first: n }); n+=m.answered; await new Promise(r=>setTimeout(r,100)) }
app.ask('close').catch(() => {})
await within(20_000, app.exited)
const f=fs.readdirSync('/tmp').filter(x=>/^gc-\d+\.json/.test(x)).map(x=>'/tmp/'+x).sort((a,b)=>fs.statSync(b).mtimeMs-fs.statSync(a).mtimeMs)[0]
const {sum,all}=JSON.parse(fs.readFileSync(f)); console.log(all.map(x=>x.join(":")).join(" ")); console.log(peer, n, JSON.stringify(Object.fromEntries(Object.entries(sum).map(([k,[c,d]])=>[({1:'scavenge',4:'major',8:'incremental',16:'weakcb'})[k]??k,[c,(d*1000/n).toFixed(1)+'us/req']]))))
}
process.exit()
