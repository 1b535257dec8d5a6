const names: Record<string, () => Promise<any>> = {
 wp: async()=> (await import("./peers/workerpool.ts")).openWorkerpool(), pf: async()=> (await import("./peers/poolifier.ts")).openPoolifier(), pi: async()=> (await import("./peers/piscina.ts")).openPiscina() };
for (let k=0;k<15;k++) for (const n of Deno.args) { const c = await names[n]!(); await c.add(1,2); 
 const work = async()=>{for(let i=0;i<30;i++) await c.add(i,1); await c.echo(new Uint8Array(65536)); }; await Promise.all(Array.from({length:64},work));
 const t=performance.now(); const r = await Promise.race([c.close().then(()=>"closed"), new Promise(r=>setTimeout(()=>r("HANG"),3000))]); console.log(n,k,r,(performance.now()-t).toFixed(0)); if (r==="HANG") Deno.exit(1);}
