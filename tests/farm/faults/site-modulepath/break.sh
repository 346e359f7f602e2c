edit kernels.modulepath "[/opt/nothing/modules]"
